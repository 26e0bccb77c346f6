import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  ackFrame,
  blockedFrame,
  datagramFrame,
  encodePacket,
  makeStreamId,
  maxStreamsFrame,
  pingFrame,
  PRIMARY_PATH_ID,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  windowUpdateFrame,
  proto,
  type PathId,
} from '@kwik/wire';
import { connect, eventsOf, LIMITS, planeOf, SECONDARY_PATH_ID } from '../../test-support/data-link.js';
import { data, DataPeer, type Role } from '../../test-support/data-peer.js';
import { frameRights, type FrameKind, type FrameRights, type Link } from './frame-rights.js';

const streamId = makeStreamId(0n, 'client', false);

/** A frame of each kind. */
const FRAMES: Readonly<Record<FrameKind, proto.Frame>> = {
  stream: data(streamId, 0, 5),
  fin: data(streamId, 0, 5, { fin: true }),
  range: data(streamId, 0, 5, { range: true }),
  resetStream: resetStreamFrame({ streamId, code: 1, finalSize: 0n }),
  stopSending: stopSendingFrame({ streamId, code: 1 }),
  windowUpdate: windowUpdateFrame({ maxOffset: 1n << 40n }),
  streamCredit: windowUpdateFrame({ streamId, maxOffset: 1n << 40n }),
  blocked: blockedFrame({ limit: 0n }),
  streamBlocked: blockedFrame({ streamId, limit: 0n }),
  maxStreams: maxStreamsFrame({ unidirectional: true, maxStreams: 9n }),
  datagram: datagramFrame({ data: new Uint8Array(3), sequence: 0n }),
  raw: rawFrame({ data: new Uint8Array(3), sequence: 0n }),
  // Of nothing that was sent: refused for that where it is allowed at all.
  ack: ackFrame({ pathId: PRIMARY_PATH_ID, ranges: [], ackDelayUs: 0 }),
  ping: pingFrame({ sequence: 1n, reply: false }),
  sealed: { body: { $case: 'sealed', value: { keyPhase: 0, sequence: 0n, ciphertext: new Uint8Array(64) } } },
};

/** Who may send what to whom, in the words of the architecture. */
const MAY: Readonly<Record<Link, readonly FrameKind[]>> = {
  'primary-to-client': [
    ...(['stream', 'fin', 'range', 'resetStream', 'stopSending', 'windowUpdate', 'streamCredit'] as const),
    ...(['blocked', 'streamBlocked', 'maxStreams', 'datagram', 'ack', 'ping'] as const),
  ],
  'secondary-to-client': ['stream', 'range', 'windowUpdate', 'blocked', 'streamBlocked', 'ack', 'ping'],
  'client-to-primary': [
    ...(['stream', 'fin', 'resetStream', 'stopSending', 'windowUpdate', 'streamCredit'] as const),
    ...(['blocked', 'streamBlocked', 'maxStreams', 'raw', 'datagram', 'ack', 'ping'] as const),
  ],
  'client-to-secondary': ['stopSending', 'windowUpdate', 'streamCredit', 'blocked', 'raw', 'ack', 'ping'],
};

const KINDS = Object.keys(FRAMES) as FrameKind[];
const LINKS = Object.keys(MAY) as Link[];

function allowed(rights: FrameRights): string[] {
  return KINDS.filter((kind) => rights[kind]).sort();
}

describe('who may send which frame', () => {
  it.each(LINKS)('%s: as the table says, and nothing else', (link) => {
    const all = frameRights(link, { mayContribute: true, mayServe: true });
    expect(allowed(all)).toEqual([...MAY[link]].sort());
  });

  it('a secondary without capabilities writes nothing, and none is a capability of the other', () => {
    const least: FrameKind[] = ['ack', 'blocked', 'ping', 'windowUpdate'];
    const rights = (one: Parameters<typeof frameRights>[1]) => allowed(frameRights('secondary-to-client', one));
    expect(rights({})).toEqual(least);
    expect(rights({ mayServe: true })).toEqual([...least, 'range'].sort());
    expect(rights({ mayContribute: true })).toEqual([...least, 'stream', 'streamBlocked'].sort());
  });

  const RECEIVERS: readonly (readonly [Link, Role, PathId])[] = [
    ['primary-to-client', 'client', PRIMARY_PATH_ID],
    ['secondary-to-client', 'client', SECONDARY_PATH_ID],
    ['client-to-primary', 'primary', PRIMARY_PATH_ID],
    ['client-to-secondary', 'secondary', SECONDARY_PATH_ID],
  ];
  const forbidden = RECEIVERS.flatMap(([link, role, path]) =>
    KINDS.filter((kind) => !MAY[link].includes(kind)).map((kind) => ({ link, role, path, kind })),
  );

  it.each(forbidden)('$link: $kind ends the path, and leaves no trace', ({ role, path, kind }) => {
    const peer = new DataPeer(role);
    if (role === 'client') peer.plane.open(false);
    const violations = peer.say([FRAMES[kind]], path);
    const code = kind === 'sealed' ? 'ERR_KWIK_UNSUPPORTED' : 'ERR_KWIK_PROTOCOL_VIOLATION';
    expect(violations).toMatchObject([{ kind: 'violation', pathId: path, error: { code } }]);
    const stream = peer.plane.streams.get(streamId);
    if (role !== 'client') return;
    expect(stream!.receive!.bufferedBytes).toBe(0);
    expect([stream!.receive!.state, stream!.send!.stopCode]).toEqual(['open', undefined]);
  });

  it('ranges of a secondary that was not added for content end its path', () => {
    const plane = planeOf('client', LIMITS);
    connect(plane, LIMITS);
    connect(plane, LIMITS, SECONDARY_PATH_ID, { mayContribute: true });
    const stream = plane.open(false);
    eventsOf(plane);
    const packet = { packetNumber: 0n, type: proto.PacketType.DATA, frames: [data(stream.id, 0, 5, { range: true })] };
    plane.handleChunk(SECONDARY_PATH_ID, 0, encodePacket(packet, crc32), 0);
    const error = { code: 'ERR_KWIK_PROTOCOL_VIOLATION', message: expect.stringContaining('ranges of content') };
    expect(eventsOf(plane)).toMatchObject([{ kind: 'violation', pathId: SECONDARY_PATH_ID, error }]);
  });
});

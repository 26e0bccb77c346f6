import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  ackFrame,
  blockedFrame,
  encodePacket,
  makeStreamId,
  maxStreamsFrame,
  PRIMARY_PATH_ID,
  proto,
  resetStreamFrame,
  stopSendingFrame,
  streamFrame,
  toStreamId,
  windowUpdateFrame,
  type PathId,
} from '@kwik/wire';
import { connect, eventsOf, LIMITS, planeOf, SECONDARY_PATH_ID } from '../../test-support/data-link.js';
import { data, DataPeer, type Role } from '../../test-support/data-peer.js';
import { patternBytes } from '../../test-support/random.js';

const clientStream = makeStreamId(0n, 'client', false);
const serverStream = makeStreamId(0n, 'server', false);
const serverUni = makeStreamId(0n, 'server', true);

interface Mistake {
  readonly name: string;
  readonly role?: Role;
  readonly path?: PathId;
  readonly frames: readonly proto.Frame[];
  readonly code: string;
}

const encrypted = data(serverStream, 0, 5);
if (encrypted.body?.$case === 'stream') encrypted.body.value.flags |= proto.FrameFlag.ENCRYPTED;

const beyondLimit = makeStreamId(1000n, 'server', false);

const MISTAKES: readonly Mistake[] = [
  { name: 'data beyond the stream’s window', frames: [data(serverStream, 99_999, 2)], code: 'ERR_KWIK_FLOW_CONTROL' },
  {
    name: 'an offset that nobody can count to',
    frames: [
      data(serverStream, 0, 1),
      windowUpdateFrame({ maxOffset: 1n << 61n }),
      streamFrame({ streamId: serverStream, offset: 1n << 61n, data: new Uint8Array(1) }),
    ],
    code: 'ERR_KWIK_INVALID_FRAME',
  },
  {
    name: 'more streams than allowed',
    frames: [data(makeStreamId(8n, 'server', false), 0, 1)],
    code: 'ERR_KWIK_STREAM_LIMIT',
  },
  {
    name: 'a stream of ours that we never opened',
    frames: [data(clientStream, 0, 1)],
    code: 'ERR_KWIK_PROTOCOL_VIOLATION',
  },
  {
    name: 'two ends of one stream',
    frames: [data(serverStream, 0, 5, { fin: true }), data(serverStream, 5, 5)],
    code: 'ERR_KWIK_OFFSET_MISMATCH',
  },
  {
    name: 'a reset against the end that it told before',
    frames: [
      data(serverStream, 4, 1, { fin: true }),
      resetStreamFrame({ streamId: serverStream, code: 0, finalSize: 9n }),
    ],
    code: 'ERR_KWIK_OFFSET_MISMATCH',
  },
  {
    name: 'data in a stream that only this end writes',
    role: 'primary',
    frames: [data(serverUni, 0, 1)],
    code: 'ERR_KWIK_PROTOCOL_VIOLATION',
  },
  {
    name: 'a reset of a stream that only this end writes',
    role: 'primary',
    frames: [resetStreamFrame({ streamId: serverUni, code: 0, finalSize: 0n })],
    code: 'ERR_KWIK_PROTOCOL_VIOLATION',
  },
  {
    name: 'an acknowledgement of what was never sent',
    frames: [ackFrame({ pathId: 0, ranges: [{ first: 5n, last: 5n }], ackDelayUs: 0 })],
    code: 'ERR_KWIK_PROTOCOL_VIOLATION',
  },
  {
    name: 'range data that was never asked for, at a server',
    role: 'primary',
    frames: [data(clientStream, 0, 10, { range: true })],
    code: 'ERR_KWIK_PROTOCOL_VIOLATION',
  },
  { name: 'encrypted frames', frames: [encrypted], code: 'ERR_KWIK_UNSUPPORTED' },
  {
    name: 'a packet to relay',
    frames: [{ body: { $case: 'sealed', value: { keyPhase: 0, sequence: 0n, ciphertext: new Uint8Array(64) } } }],
    code: 'ERR_KWIK_UNSUPPORTED',
  },
  ...(
    [
      ['opens a stream that the primary may not open', data(beyondLimit, 0, 1)],
      ['ends a stream', data(clientStream, 0, 1, { fin: true })],
      ['resets a stream', resetStreamFrame({ streamId: clientStream, code: 0, finalSize: 0n })],
      ['stops what the client sends to the primary', stopSendingFrame({ streamId: clientStream, code: 0 })],
      [
        'gives credit for the primary’s side of a stream',
        windowUpdateFrame({ streamId: clientStream, maxOffset: 1n << 40n }),
      ],
      ['gives credit for streams', maxStreamsFrame({ unidirectional: false, maxStreams: 1000n })],
      [
        'acknowledges the primary’s packets',
        ackFrame({ pathId: PRIMARY_PATH_ID, ranges: [{ first: 0n, last: 0n }], ackDelayUs: 0 }),
      ],
      ['asks for credit for a stream that does not exist', blockedFrame({ streamId: beyondLimit, limit: 0n })],
    ] as const
  ).map(
    ([what, frame]): Mistake => ({
      name: `a secondary that ${what}`,
      path: SECONDARY_PATH_ID,
      frames: [frame],
      code: 'ERR_KWIK_PROTOCOL_VIOLATION',
    }),
  ),
];

describe('DataPlane: a peer’s mistake ends its path and nothing else', () => {
  it.each(MISTAKES)('$name', ({ role = 'client', path = PRIMARY_PATH_ID, frames, code }) => {
    const peer = new DataPeer(role);
    if (role === 'client' && path === SECONDARY_PATH_ID) peer.plane.open(false);
    if (role === 'primary') peer.plane.open(true);
    const events = peer.say(frames, path);
    expect(events.filter((event) => event.kind === 'violation')).toEqual([
      { kind: 'violation', pathId: path, error: expect.objectContaining({ code }) },
    ]);
    // Once: what the path still brings is not looked at.
    expect(peer.say([data(serverStream, 0, 10), ...frames], path)).toEqual([]);
    if (role !== 'client' || path === PRIMARY_PATH_ID) return;
    // And the primary's path goes on.
    expect(peer.say([data(serverStream, 0, 10)])).toContainEqual({ kind: 'readable', streamId: serverStream });
  });

  it('data beyond the session’s window', () => {
    const peer = new DataPeer('client');
    for (const id of [1n, 5n, 9n, 13n]) expect(peer.say([data(id, 0, 50_000)])).toHaveLength(2);
    expect(peer.say([data(17n, 0, 1)])).toMatchObject([
      { kind: 'violation', error: { code: 'ERR_KWIK_FLOW_CONTROL' } },
    ]);
  });

  it('garbage, a bad checksum, half a packet at the end of a real stream', () => {
    const good = encodePacket(
      { packetNumber: 0n, type: proto.PacketType.DATA, frames: [data(serverStream, 0, 50)] },
      crc32,
    );
    const flipped = good.slice();
    flipped[20]! ^= 1;
    for (const [bytes, end, code] of [
      [new Uint8Array(64).fill(0xff), false, 'ERR_KWIK_PACKET_TOO_LARGE'],
      [flipped, false, 'ERR_KWIK_CHECKSUM_MISMATCH'],
      [good.subarray(0, good.length - 1), true, 'ERR_KWIK_INVALID_PACKET'],
    ] as const) {
      const { plane } = new DataPeer('client');
      plane.handleChunk(PRIMARY_PATH_ID, 5, bytes, 0);
      if (end) plane.handleRealStreamEnd(PRIMARY_PATH_ID, 5);
      expect(eventsOf(plane)).toEqual([
        { kind: 'violation', pathId: PRIMARY_PATH_ID, error: expect.objectContaining({ code }) },
      ]);
      plane.handleChunk(PRIMARY_PATH_ID, 5, good, 0);
      plane.handleRealStreamEnd(PRIMARY_PATH_ID, 5);
      expect(eventsOf(plane)).toEqual([]);
    }
  });

  it('more real streams than allowed', () => {
    const { plane } = new DataPeer('client');
    for (let realStream = 0; realStream < 65; realStream++)
      plane.handleChunk(PRIMARY_PATH_ID, realStream, Uint8Array.of(9), 0);
    expect(eventsOf(plane)).toMatchObject([{ kind: 'violation', error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } }]);
  });

  it('a secondary that may not contribute writes into a stream; its range data may come', () => {
    const ranges: number[] = [];
    const plane = planeOf('client', LIMITS, {
      rangeSink: { handleRange: (_path, _stream, offset, bytes) => ranges.push(offset) && bytes.length },
    });
    connect(plane, LIMITS);
    connect(plane, LIMITS, SECONDARY_PATH_ID, { mayServe: true });
    const stream = plane.open(false);
    eventsOf(plane);
    const say = (packetNumber: bigint, frame: proto.Frame): void =>
      plane.handleChunk(
        SECONDARY_PATH_ID,
        0,
        encodePacket({ packetNumber, type: proto.PacketType.DATA, frames: [frame] }, crc32),
        0,
      );
    say(0n, data(stream.id, 70, 10, { range: true }));
    expect(ranges).toEqual([70]);
    expect(eventsOf(plane)).toEqual([]);
    say(1n, data(stream.id, 0, 10));
    expect(eventsOf(plane)).toMatchObject([{ kind: 'violation', pathId: SECONDARY_PATH_ID }]);
    expect(stream.receive!.bufferedBytes).toBe(0);
  });

  it('content that contradicts the end of its stream', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10, { fin: true })]);
    peer.plane.insertContent(peer.plane.streams.get(serverStream)!, 5, patternBytes(10));
    expect(eventsOf(peer.plane)).toMatchObject([
      { kind: 'violation', pathId: PRIMARY_PATH_ID, error: { code: 'ERR_KWIK_OFFSET_MISMATCH' } },
    ]);
  });

  it('content that contradicts what the primary wrote before: the stream fails, and the primary is refused', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10)]);
    const content = patternBytes(20);
    content[7]! ^= 1;
    peer.plane.insertContent(peer.plane.streams.get(serverStream)!, 0, content);
    expect(eventsOf(peer.plane)).toMatchObject([
      { kind: 'failed', streamId: serverStream, error: { code: 'ERR_KWIK_OFFSET_MISMATCH' } },
      { kind: 'violation', pathId: PRIMARY_PATH_ID, error: { code: 'ERR_KWIK_OFFSET_MISMATCH' } },
      { kind: 'readable' },
    ]);
  });

  it('content where a secondary was granted bytes, or content was announced: the primary contradicts itself', () => {
    const peer = new DataPeer('client');
    peer.grant(serverStream, 10, 20);
    const { writers } = peer.plane;
    const contradiction = expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
    expect(() => writers.announceContent(toStreamId(serverStream), 19, 30)).toThrow(contradiction);
    writers.announceContent(toStreamId(serverStream), 20, 30);
    expect(() => writers.announceContent(toStreamId(serverStream), 29, 40)).toThrow(contradiction);
  });

  it('content that contradicts the end of its stream while the primary is away: the stream fails', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10, { fin: true })]);
    peer.plane.removePath(PRIMARY_PATH_ID);
    peer.plane.insertContent(peer.plane.streams.get(serverStream)!, 5, patternBytes(10));
    expect(eventsOf(peer.plane)).toMatchObject([{ kind: 'failed', error: { code: 'ERR_KWIK_OFFSET_MISMATCH' } }]);
  });
});

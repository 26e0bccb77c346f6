import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  blockedFrame,
  encodePacket,
  makeStreamId,
  maxStreamsFrame,
  PRIMARY_PATH_ID,
  proto,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  windowUpdateFrame,
} from '@kwik/wire';
import { connect, eventsOf, LIMITS, SECONDARY_PATH_ID } from '../../test-support/data-link.js';
import { data, DataPeer, kinds } from '../../test-support/data-peer.js';
import { patternBytes } from '../../test-support/random.js';

const clientStream = makeStreamId(0n, 'client', false);
const serverStream = makeStreamId(0n, 'server', false);
const serverUni = makeStreamId(0n, 'server', true);

describe('DataPlane: streams', () => {
  it('takes a packet once', () => {
    const peer = new DataPeer('client');
    const packet = encodePacket(
      {
        packetNumber: 3n,
        type: proto.PacketType.DATA,
        frames: [rawFrame({ data: patternBytes(3), sequence: 0n })],
      },
      crc32,
    );
    peer.plane.handleChunk(PRIMARY_PATH_ID, 0, packet.slice(), 0);
    peer.plane.handleChunk(PRIMARY_PATH_ID, 1, packet.slice(), 0);
    expect(eventsOf(peer.plane)).toHaveLength(1);
  });

  it('counts what comes for a stream that has ended, and gives its credit back', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverUni, 0, 10, { fin: true })]);
    peer.plane.read(peer.plane.streams.get(serverUni)!);
    expect(peer.plane.streams.get(serverUni)).toBeUndefined();
    for (let round = 0; round < 10; round++) {
      expect(peer.say([data(serverUni, 0, 50_000)]).filter((event) => event.kind === 'violation')).toEqual([]);
    }
    expect(peer.plane.path(PRIMARY_PATH_ID)!.flowControl.heldBytes).toBe(0);
    expect(kinds(peer.hear())).toContain('windowUpdate');
  });

  it('gives credit for a new stream when one is done', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverUni, 0, 1, { fin: true })]);
    peer.plane.read(peer.plane.streams.get(serverUni)!);
    expect(peer.hear()).toContainEqual(maxStreamsFrame({ unidirectional: true, maxStreams: 9n }));
  });

  it('sends nothing of a stream after its reset, tells the peer once, and ignores what is lost of it', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    stream.send!.write(patternBytes(5000));
    peer.plane.markReady(stream);
    expect(kinds(peer.hear(PRIMARY_PATH_ID, 1200))).toEqual(['stream']);
    peer.plane.resetStream(stream, 7);
    peer.plane.resetStream(stream, 8);
    const sent = stream.send!.finalSize;
    expect(peer.hear()).toEqual([resetStreamFrame({ streamId: stream.id, code: 7, finalSize: BigInt(sent) })]);
    peer.plane.removePath(PRIMARY_PATH_ID);
    connect(peer.plane, LIMITS);
    // Nobody acknowledged the reset: it is told again. The data is not.
    expect(kinds(peer.hear())).toEqual(['resetStream']);
    expect(peer.hear()).toEqual([]);
  });

  it('tells a reader of the peer’s reset, even while it reads what came before', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10)]);
    const stream = peer.plane.streams.get(serverStream)!;
    const events = peer.say([resetStreamFrame({ streamId: serverStream, code: 3, finalSize: 10n })]);
    expect(events).toContainEqual({ kind: 'readable', streamId: serverStream });
    expect(stream.receive!.state).toBe('reset');
    expect(peer.plane.read(stream)).toBeUndefined();
    expect(peer.plane.path(PRIMARY_PATH_ID)!.flowControl.heldBytes).toBe(0);
  });

  it('answers a stop with a reset, and forgets the stream when the other side is done too', () => {
    const peer = new DataPeer('primary');
    peer.say([data(clientStream, 0, 3, { fin: true })]);
    const stream = peer.plane.streams.get(clientStream)!;
    stream.send!.write(patternBytes(LIMITS.streamWindowBytes + 10));
    peer.plane.markReady(stream);
    peer.plane.read(stream);
    const events = peer.say([stopSendingFrame({ streamId: clientStream, code: 4 })]);
    expect(events).toContainEqual({ kind: 'writable', streamId: clientStream });
    expect(peer.hear()).toContainEqual(resetStreamFrame({ streamId: clientStream, code: 4, finalSize: 0n }));
    expect(peer.plane.streams.get(clientStream)).toBeUndefined();
    expect(() => stream.send!.write(patternBytes(1))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_STREAM_STOPPED' }),
    );
  });

  it('ends a stopped contribution without a reset, which is the primary’s to send', () => {
    const peer = new DataPeer('secondary');
    const stream = peer.plane.streams.attach(serverStream);
    stream.send!.writeAt(50, patternBytes(100));
    peer.plane.markReady(stream);
    peer.say([stopSendingFrame({ streamId: serverStream, code: 4 })], SECONDARY_PATH_ID);
    expect(stream.send!.flushed).toBe(true);
    expect(kinds(peer.hear(SECONDARY_PATH_ID, 9000, 100))).toEqual(['ack']);
  });

  it('tells every writer to stop, also one that begins to write afterwards', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10)]);
    const stream = peer.plane.streams.get(serverStream)!;
    peer.grant(serverStream, 20, 30);
    peer.plane.stopSending(stream, 6);
    const stop = stopSendingFrame({ streamId: serverStream, code: 6 });
    expect(peer.hear()).toContainEqual(stop);
    expect(peer.hear(SECONDARY_PATH_ID)).toEqual([]);
    peer.say([data(serverStream, 20, 10)], SECONDARY_PATH_ID);
    expect(peer.hear(SECONDARY_PATH_ID)).toContainEqual(stop);
    expect(peer.plane.path(SECONDARY_PATH_ID)!.flowControl.heldBytes).toBe(0);
  });

  it('sends a secondary that asks the window of the stream, and later ones unasked', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    peer.grant(stream.id, 90_000, 90_010);
    peer.say([blockedFrame({ streamId: stream.id, limit: 0n })], SECONDARY_PATH_ID);
    const window = windowUpdateFrame({ streamId: stream.id, maxOffset: 100_000n });
    expect(peer.hear(SECONDARY_PATH_ID)).toContainEqual(window);
    peer.say([data(stream.id, 0, 60_000)]);
    peer.plane.read(stream);
    expect(peer.hear(SECONDARY_PATH_ID)).toContainEqual(
      windowUpdateFrame({ streamId: stream.id, maxOffset: 160_000n }),
    );
  });

  it('takes a limit beyond what it can count to for no limit', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    const events = peer.say([
      windowUpdateFrame({ maxOffset: (1n << 62n) - 1n }),
      windowUpdateFrame({ streamId: stream.id, maxOffset: (1n << 62n) - 1n }),
    ]);
    expect(events).toEqual([]);
  });

  it('does not count duplicates among what a path brought twice', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 100)]);
    peer.say([data(serverStream, 50, 100)]);
    expect(peer.plane.path(PRIMARY_PATH_ID)).toMatchObject({ receivedBytes: 200, duplicateBytes: 50 });
  });
});

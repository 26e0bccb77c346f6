import { describe, expect, it } from '@jest/globals';
import {
  ackFrame,
  makeStreamId,
  maxStreamsFrame,
  pingFrame,
  PRIMARY_PATH_ID,
  proto,
  rawFrame,
  toPathId,
  windowUpdateFrame,
} from '@kwik/wire';
import { eventsOf, SECONDARY_PATH_ID } from '../../test-support/data-link.js';
import { data, DataPeer, kinds } from '../../test-support/data-peer.js';
import { patternBytes } from '../../test-support/random.js';

const serverStream = makeStreamId(0n, 'server', false);

describe('DataPlane: packets', () => {
  it('answers a ping, and does not answer the answer', () => {
    const peer = new DataPeer('client');
    peer.say([pingFrame({ sequence: 9n })]);
    expect(peer.plane.hasUrgent(PRIMARY_PATH_ID, 0)).toBe(true);
    expect(peer.hear()).toContainEqual(pingFrame({ sequence: 9n, reply: true }));
    peer.say([pingFrame({ sequence: 9n, reply: true })]);
    expect(kinds(peer.hear(PRIMARY_PATH_ID, 0, 100))).toEqual(['ack']);
  });

  it('acknowledges in time when nothing else leaves, and with what leaves before', () => {
    const peer = new DataPeer('client');
    peer.say([data(serverStream, 0, 10)], PRIMARY_PATH_ID, 5);
    const due = peer.plane.nextTimeoutMs()!;
    expect(due).toBeGreaterThan(5);
    // A path whose stream is full is asked again when it is not, or a timer would fire without end (sim, seed 1321).
    expect(peer.plane.nextTimeoutMs(() => false)).toBeUndefined();
    expect(peer.hear(PRIMARY_PATH_ID, 0, 5)).toEqual([]);
    expect(peer.plane.hasUrgent(PRIMARY_PATH_ID, due)).toBe(true);
    expect(kinds(peer.hear(PRIMARY_PATH_ID, 0, due))).toEqual(['ack']);
    expect(peer.plane.nextTimeoutMs()).toBeUndefined();

    peer.say([data(serverStream, 10, 10)], PRIMARY_PATH_ID, 100);
    const stream = peer.plane.streams.get(serverStream)!;
    stream.send!.write(patternBytes(10));
    peer.plane.markReady(stream);
    expect(kinds(peer.hear(PRIMARY_PATH_ID, 1200, 100))).toEqual(['ack', 'stream']);
    expect(peer.plane.nextTimeoutMs()).toBeUndefined();
  });

  it('puts no more frames into a packet than a packet may have', () => {
    const peer = new DataPeer('client', { maxStreams: 1000 });
    peer.say([maxStreamsFrame({ unidirectional: true, maxStreams: 1000n })]);
    for (let count = 0; count < 1000; count++) {
      const stream = peer.plane.open(true);
      stream.send!.write(patternBytes(1));
      peer.plane.markReady(stream);
    }
    let frames = 0;
    for (let heard = peer.hear(PRIMARY_PATH_ID, 60_000); heard.length > 0; heard = peer.hear(PRIMARY_PATH_ID, 60_000)) {
      frames += heard.filter((frame) => frame.body?.$case === 'stream').length;
    }
    expect(frames).toBe(1000);
  });

  it('puts no more bytes into a packet than a packet may have', () => {
    const peer = new DataPeer('client');
    const path = peer.plane.path(PRIMARY_PATH_ID)!;
    const stream = peer.plane.open(false);
    stream.send!.write(patternBytes(90_000));
    peer.plane.markReady(stream);
    for (let count = 0; count < 12; count++) {
      path.queueFrame(
        `raw ${count}`,
        rawFrame({ data: patternBytes(count === 5 ? 60_000 : 16_384), sequence: BigInt(count) }),
      );
    }
    const heard: proto.Frame[] = [];
    for (
      let frames = peer.hear(PRIMARY_PATH_ID, 65_536);
      frames.length > 0;
      frames = peer.hear(PRIMARY_PATH_ID, 65_536)
    )
      heard.push(...frames);
    expect(heard.filter((frame) => frame.body?.$case === 'raw')).toHaveLength(12);
  });

  it('sends no empty frames when the session’s window is full and lost pieces wait', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    stream.send!.write(patternBytes(1000));
    peer.plane.markReady(stream);
    peer.hear();
    peer.plane.removePath(PRIMARY_PATH_ID);
    peer.plane.addPath(PRIMARY_PATH_ID, {
      maxBidiStreams: 8,
      maxUniStreams: 8,
      streamWindowBytes: 1e5,
      pathWindowBytes: 600,
    });
    const [first] = peer.hear();
    expect(first).toMatchObject({ body: { value: { offset: 0n, flags: proto.FrameFlag.RETRANSMIT } } });
    expect(peer.hear()).toEqual([]);
    peer.say([windowUpdateFrame({ maxOffset: 5000n })]);
    expect(peer.hear()).toMatchObject([{ body: { $case: 'ack' } }, { body: { value: { offset: 600n } } }]);
  });

  it('does not fill a window byte by byte', () => {
    const peer = new DataPeer('client');
    const { window } = peer.plane.path(PRIMARY_PATH_ID)!;
    const stream = peer.plane.open(false);
    stream.send!.write(patternBytes(40_000));
    peer.plane.markReady(stream);
    window.onSent(window.windowBytes - 10);
    expect(peer.hear()).toEqual([]);
    window.onAcked(window.windowBytes - 10, undefined, 1);
    expect(kinds(peer.hear())).toEqual(['stream']);
  });

  it('goes on as long as it can with a peer that acknowledges nothing, and then waits', () => {
    const peer = new DataPeer('client');
    const path = peer.plane.path(PRIMARY_PATH_ID)!;
    let packets = 0;
    for (let count = 0; count < 10_000; count++) {
      path.queueFrame('ping', pingFrame({ sequence: BigInt(count) }));
      if (peer.hear().length > 0) packets++;
    }
    expect(packets).toBe(8192);
    expect(path.hasNumbersForData).toBe(false);
    peer.say([ackFrame({ pathId: 0, ranges: [{ first: 0n, last: 8191n }], ackDelayUs: 0 })]);
    expect(peer.hear()).not.toEqual([]);
    expect(path.hasNumbersForData).toBe(true);
  });

  it('says violation, and does not throw at the application, when too many control frames wait', () => {
    const peer = new DataPeer('client', { maxStreams: 5000 });
    peer.say([maxStreamsFrame({ unidirectional: true, maxStreams: 5000n })]);
    for (let count = 0; count < 5000; count++) peer.plane.resetStream(peer.plane.open(true), 0);
    expect(eventsOf(peer.plane).filter((event) => event.kind === 'violation')).toMatchObject([
      { pathId: PRIMARY_PATH_ID, error: { code: 'ERR_KWIK_LIMIT_EXCEEDED' } },
    ]);
  });

  it('carries no data of a client on paths to secondaries', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    stream.send!.write(patternBytes(10));
    peer.plane.markReady(stream);
    expect(peer.hear(SECONDARY_PATH_ID)).toEqual([]);
    expect(peer.plane.pollPacket(toPathId(77), 1000, 0)).toBeUndefined();
    expect(kinds(peer.hear())).toEqual(['stream']);
  });
});

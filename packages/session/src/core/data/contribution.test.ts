import { describe, expect, it } from '@jest/globals';
import {
  KwikError,
  makeStreamId,
  PRIMARY_PATH_ID,
  resetStreamFrame,
  streamFrame,
  toPathId,
  toStreamId,
  type PathId,
  type proto,
} from '@kwik/wire';
import fc from 'fast-check';
import {
  connect,
  DataLink,
  eventsOf,
  LIMITS,
  planeOf,
  SECONDARY_PATH_ID,
  type SmallLimits,
} from '../../test-support/data-link.js';
import { data, DataPeer } from '../../test-support/data-peer.js';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import type { StreamState } from '../streams/stream-state.js';

const SERVER_STREAM = makeStreamId(0n, 'server', false);
/** Nothing read for so many steps, a hundred times what the slowest path takes for a round trip: it hangs. */
const STALL_STEPS = 30_000;

interface Shape {
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly streamWindowBytes: number;
  readonly sendBufferBytes: number;
  /** How much oftener the primary's path is served than the secondary's, or the other way round. */
  readonly primaryShare: number;
  readonly order: 'ascending' | 'descending' | 'random';
}

/** Two servers write the chunks of one stream in turns; the client reads slowly. */
function run(seed: number, shape: Shape): void {
  const random = new TestRandom(seed);
  const { chunks, chunkBytes } = shape;
  const limits: SmallLimits = {
    streamWindowBytes: shape.streamWindowBytes,
    // One writer's share of a stream's window must fit its session window.
    pathWindowBytes: shape.streamWindowBytes,
    sendBufferBytes: shape.sendBufferBytes,
    maxStreams: 4,
    maxPacketBytes: 65_536,
  };
  const client = planeOf('client', limits);
  const primary = planeOf('primary', limits);
  const secondary = planeOf('secondary', limits);
  connect(client, limits);
  connect(primary, limits);
  connect(client, limits, SECONDARY_PATH_ID);
  connect(secondary, limits, SECONDARY_PATH_ID);
  const toPrimary = new DataLink(random, client, primary);
  const toSecondary = new DataLink(random, client, secondary, SECONDARY_PATH_ID);

  const original = patternBytes(chunks * chunkBytes);
  const piece = (index: number): Uint8Array => original.slice(index * chunkBytes, (index + 1) * chunkBytes);
  const atPrimary = primary.open(true);
  client.handleStreamOpened(atPrimary.id);
  const atSecondary = secondary.streams.attach(atPrimary.id);
  const theirs = Array.from({ length: chunks >> 1 }, (_, index) => 2 * index + 1);
  const granted = theirs.map((index) => ({ start: index * chunkBytes, end: (index + 1) * chunkBytes }));
  client.writers.grant(atPrimary.id, SECONDARY_PATH_ID, granted);
  let nextAtPrimary = 0;
  const indexes = [...theirs];
  if (shape.order === 'descending') indexes.reverse();
  const forSecondary = shape.order === 'random' ? random.shuffle(indexes) : indexes;

  const writeAtPrimary = (): void => {
    const send = atPrimary.send!;
    if (nextAtPrimary === chunks || send.room === 0) return;
    if (nextAtPrimary % 2 === 1) send.reserve(chunkBytes);
    else send.write(piece(nextAtPrimary));
    nextAtPrimary++;
    if (nextAtPrimary === chunks) send.finish();
    primary.markReady(atPrimary);
  };
  const writeAtSecondary = (): void => {
    // In random order the application does not wait for one write before it asks for the next.
    const ready = shape.order === 'random' ? forSecondary.length : 1;
    const index = forSecondary.slice(0, ready).find((next) => atSecondary.send!.acceptsAt(next * chunkBytes));
    if (index === undefined) return;
    forSecondary.splice(forSecondary.indexOf(index), 1);
    atSecondary.send!.writeAt(index * chunkBytes, piece(index));
    secondary.markReady(atSecondary);
  };

  const read: Uint8Array[] = [];
  const reading: StreamState = client.streams.get(atPrimary.id)!;
  let now = 0;
  let idleSteps = 0;
  while (reading.receive!.state !== 'finished' && idleSteps++ < STALL_STEPS) {
    now += random.next();
    writeAtPrimary();
    writeAtSecondary();
    const link = random.next() < shape.primaryShare ? toPrimary : toSecondary;
    link.send(random.pick([0, 300, 9000]), now);
    link.deliver(9000, now);
    const chunk = client.read(reading, random.between(1, 5000));
    if (chunk !== undefined) {
      read.push(new Uint8Array(chunk.data));
      idleSteps = 0;
    }
    if (reading.receive!.bufferedBytes > limits.streamWindowBytes) throw new Error('stream window exceeded');
    for (const event of [client, primary, secondary].flatMap(eventsOf))
      if (event.kind === 'violation') throw event.error;
  }
  expect(reading.receive!.state).toBe('finished');
  expect(Buffer.concat(read).equals(original)).toBe(true);
}

const base: Shape = {
  chunks: 15,
  chunkBytes: 1024,
  streamWindowBytes: 4096,
  sendBufferBytes: 2048,
  primaryShare: 0.5,
  order: 'ascending',
};

describe('two servers that write one stream in turns', () => {
  it.each(['ascending', 'descending', 'random'] as const)(
    'complete 15 chunks written %s: the first K plan stalled after 9',
    (order) => {
      for (let seed = 0; seed < 10; seed++) run(seed, { ...base, order });
    },
  );

  it('complete when the first bytes of a server come after the reader moved the window, and fill what it knows of', () => {
    run(10, {
      ...base,
      chunks: 8,
      chunkBytes: 1492,
      streamWindowBytes: 1810,
      sendBufferBytes: 4558,
      primaryShare: 0.95,
    });
  });

  it('complete whatever the sizes of chunks, windows and buffers, the order of writes and the pace of paths', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.record<Shape>({
          chunks: fc.integer({ min: 1, max: 40 }),
          chunkBytes: fc.integer({ min: 1, max: 1500 }),
          streamWindowBytes: fc.integer({ min: 300, max: 20_000 }),
          sendBufferBytes: fc.integer({ min: 100, max: 5000 }),
          primaryShare: fc.constantFrom(0.05, 0.5, 0.95),
          order: fc.constantFrom('ascending', 'descending', 'random'),
        }),
        run,
      ),
      { numRuns: 60, endOnFailure: true },
    );
  });

  const OTHER_PATH_ID = toPathId(2);

  /** Who is blamed, in order: the stream, or a path by its number, with the code. */
  function blamed(peer: DataPeer, frames: proto.Frame[], path: PathId): string[] {
    return peer.say(frames, path).flatMap((event) => {
      if (event.kind === 'failed') return ['the stream'];
      return event.kind === 'violation' ? [`path ${event.pathId} ${event.error.code}`] : [];
    });
  }

  function other(streamId: bigint, offset: number, bytes: number): proto.Frame {
    return streamFrame({ streamId, offset: BigInt(offset), data: patternBytes(bytes, offset + 1) });
  }

  it('refuses a secondary that contradicts what the primary wrote before it granted the bytes', () => {
    const peer = new DataPeer('client');
    const stream = peer.plane.open(false);
    peer.say([data(stream.id, 10, 20)]);
    peer.grant(stream.id, 10, 30);
    expect(blamed(peer, [other(stream.id, 10, 20)], SECONDARY_PATH_ID)).toEqual(['path 1 ERR_KWIK_OFFSET_MISMATCH']);
    expect(stream.receive!.bufferedBytes).toBe(20);
  });

  it('believes who writes the bytes now: the one from whom they were taken was wrong, and the stream fails', () => {
    const peer = new DataPeer('client');
    connect(peer.plane, LIMITS, OTHER_PATH_ID);
    const stream = peer.plane.open(false);
    peer.grant(stream.id, 10, 30);
    peer.say([data(stream.id, 10, 20)], SECONDARY_PATH_ID);
    peer.grant(stream.id, 10, 30, OTHER_PATH_ID);
    expect(blamed(peer, [other(stream.id, 10, 20)], OTHER_PATH_ID)).toEqual([
      'the stream',
      'path 1 ERR_KWIK_OFFSET_MISMATCH',
    ]);
  });

  it('drops what comes late from a server from which the bytes were taken', () => {
    const peer = new DataPeer('client');
    connect(peer.plane, LIMITS, OTHER_PATH_ID);
    const stream = peer.plane.open(false);
    peer.grant(stream.id, 0, 30);
    peer.grant(stream.id, 10, 30, OTHER_PATH_ID);
    // The first ten bytes are still its own.
    expect(blamed(peer, [other(stream.id, 0, 10), other(stream.id, 10, 20)], SECONDARY_PATH_ID)).toEqual([]);
    expect(blamed(peer, [data(stream.id, 10, 20)], OTHER_PATH_ID)).toEqual([]);
    expect(peer.plane.read(stream)?.data).toEqual(patternBytes(10, 1));
    expect(peer.plane.read(stream)?.data).toEqual(patternBytes(20, 10));
    expect(peer.plane.path(SECONDARY_PATH_ID)!.flowControl.heldBytes).toBe(0);
  });

  it.each([
    ['writes bytes that it granted', (id: bigint) => data(id, 25, 10)],
    ['ends the stream before bytes that it granted', (id: bigint) => data(id, 0, 5, { fin: true })],
  ])('blames a primary that %s', (_name, frame) => {
    const peer = new DataPeer('client');
    peer.say([data(SERVER_STREAM, 0, 1)]);
    peer.grant(SERVER_STREAM, 10, 30);
    expect(blamed(peer, [frame(SERVER_STREAM)], PRIMARY_PATH_ID)).toEqual(['path 0 ERR_KWIK_PROTOCOL_VIOLATION']);
  });

  const BEYOND: readonly (readonly [string, (id: bigint) => proto.Frame])[] = [
    ['before what it was granted', (id) => data(id, 9, 5)],
    ['beyond what it was granted', (id) => data(id, 25, 6)],
    ['over a gap between grants', (id) => data(id, 25, 20)],
    ['where it was granted nothing', (id) => data(id, 5000, 1)],
    ['an end', (id) => data(id, 10, 20, { fin: true })],
    ['an end without bytes', (id) => data(id, 45, 0, { fin: true })],
    ['into another stream', () => data(makeStreamId(1n, 'server', false), 0, 1)],
    ['into a stream that does not exist', () => data(makeStreamId(7n, 'server', false), 10, 1)],
  ];

  it.each(BEYOND)('a secondary that writes %s loses its path, and nothing of it is kept', (_name, frame) => {
    const peer = new DataPeer('client');
    peer.say([data(SERVER_STREAM, 0, 1), data(makeStreamId(1n, 'server', false), 0, 1)]);
    peer.grant(SERVER_STREAM, 10, 30);
    peer.grant(SERVER_STREAM, 35, 45);
    const { receive } = peer.plane.streams.get(SERVER_STREAM)!;
    expect(blamed(peer, [frame(SERVER_STREAM)], SECONDARY_PATH_ID)).toEqual(['path 1 ERR_KWIK_PROTOCOL_VIOLATION']);
    expect([receive!.bufferedBytes, receive!.finalSize]).toEqual([1, undefined]);
    // And the stream goes on.
    expect(blamed(peer, [data(SERVER_STREAM, 1, 9)], PRIMARY_PATH_ID)).toEqual([]);
    expect(peer.plane.read(peer.plane.streams.get(SERVER_STREAM)!)?.data).toEqual(patternBytes(10));
  });

  it('takes no stream data inside announced content, of a secondary or of the primary', () => {
    for (const path of [SECONDARY_PATH_ID, PRIMARY_PATH_ID]) {
      const peer = new DataPeer('client');
      peer.grant(SERVER_STREAM, 0, 100);
      peer.plane.writers.announceContent(SERVER_STREAM, 100, 200);
      expect(blamed(peer, [other(SERVER_STREAM, 100, 1)], path)).toEqual([`path ${path} ERR_KWIK_PROTOCOL_VIOLATION`]);
      expect(peer.plane.streams.get(SERVER_STREAM)!.receive!.bufferedBytes).toBe(0);
    }
  });

  it('a grant opens its stream, and is refused for paths and bytes that cannot have one', () => {
    const peer = new DataPeer('client');
    const { writers } = peer.plane;
    const refusal = (streamId: bigint, path: PathId, start: number, end: number): string => {
      try {
        writers.grant(toStreamId(streamId), path, [{ start, end }]);
        return 'none';
      } catch (error) {
        return KwikError.from(error).code;
      }
    };
    expect(refusal(SERVER_STREAM, SECONDARY_PATH_ID, 10, 20)).toBe('none');
    expect(eventsOf(peer.plane)).toMatchObject([{ kind: 'opened', stream: { id: SERVER_STREAM } }]);
    expect(refusal(SERVER_STREAM, PRIMARY_PATH_ID, 0, 1)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(refusal(SERVER_STREAM, toPathId(9), 0, 1)).toBe('ERR_KWIK_PATH_NOT_FOUND');
    connect(peer.plane, LIMITS, OTHER_PATH_ID, { mayServe: true });
    expect(refusal(SERVER_STREAM, OTHER_PATH_ID, 0, 1)).toBe('ERR_KWIK_PERMISSION_DENIED');
    writers.announceContent(SERVER_STREAM, 100, 200);
    expect(refusal(SERVER_STREAM, SECONDARY_PATH_ID, 199, 201)).toBe('ERR_KWIK_INVALID_ARGUMENT');
    peer.say([data(SERVER_STREAM, 300, 0, { fin: true })]);
    expect(refusal(SERVER_STREAM, SECONDARY_PATH_ID, 299, 301)).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(refusal(makeStreamId(0n, 'server', true), SECONDARY_PATH_ID, 0, 1)).toBe('none');
    const over = makeStreamId(1n, 'server', true);
    peer.say([data(over, 0, 0, { fin: true })]);
    expect(refusal(over, SECONDARY_PATH_ID, 0, 1)).toBe('ERR_KWIK_STREAM_CLOSED');
  });

  it('forgets grants with their stream', () => {
    const peer = new DataPeer('client');
    const stream = makeStreamId(0n, 'server', true);
    peer.grant(stream, 0, 10);
    expect(peer.plane.writers.held).toBe(1);
    peer.say([resetStreamFrame({ streamId: stream, code: 0, finalSize: 0n })]);
    expect(peer.plane.streams.get(stream)).toBeUndefined();
    expect(peer.plane.writers.held).toBe(0);
    // What still comes is late.
    expect(blamed(peer, [data(stream, 0, 10)], SECONDARY_PATH_ID)).toEqual([]);
  });

  it('that writes first after the reader moved the window on is told the window, and again when it comes back', () => {
    const client = new DataPeer('client');
    const streamId = makeStreamId(0n, 'server', true);
    const size = LIMITS.streamWindowBytes / 2;
    client.grant(streamId, size, size + 20);
    client.say([data(streamId, 0, size)]);
    const stream = client.plane.streams.get(streamId)!;
    while (client.plane.read(stream) !== undefined);
    expect(stream.receive!.maxOffset).toBe(LIMITS.streamWindowBytes + size);
    for (const offset of [size, size + 10]) {
      client.say([data(streamId, offset, 10)], SECONDARY_PATH_ID);
      const told = client.hear(SECONDARY_PATH_ID).find(({ body }) => body?.$case === 'windowUpdate')?.body?.value;
      expect(told).toMatchObject({ streamId, maxOffset: BigInt(LIMITS.streamWindowBytes + size) });
      client.plane.removePath(SECONDARY_PATH_ID);
      connect(client.plane, LIMITS, SECONDARY_PATH_ID);
    }
  });

  it('leaves the other paths and the stream alone when the secondary is lost: what it had acknowledged stays', () => {
    const limits: SmallLimits = { ...base, pathWindowBytes: 4096, maxStreams: 4, maxPacketBytes: 65_536 };
    const random = new TestRandom(1);
    const client = planeOf('client', limits);
    const secondary = planeOf('secondary', limits);
    connect(client, limits);
    connect(client, limits, SECONDARY_PATH_ID);
    connect(secondary, limits, SECONDARY_PATH_ID);
    const link = new DataLink(random, client, secondary, SECONDARY_PATH_ID);
    const stream = client.open(false);
    client.writers.grant(stream.id, SECONDARY_PATH_ID, [{ start: 0, end: 100 }]);
    const attached = secondary.streams.attach(stream.id);
    attached.send!.writeAt(0, patternBytes(100));
    secondary.markReady(attached);
    for (let now = 0; now < 200; now++) {
      link.send(1000, now);
      link.deliver(1000, now);
    }
    expect(attached.send!.flushed).toBe(true);
    client.removePath(SECONDARY_PATH_ID);
    expect(stream.receive!.writers.size).toBe(0);
    expect(client.read(stream)?.data).toEqual(patternBytes(100));
    expect(client.path(PRIMARY_PATH_ID)!.hasPendingFrames).toBe(false);
    expect(eventsOf(client).some((event) => event.kind === 'violation')).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import { encodePacket, makeStreamId, PRIMARY_PATH_ID, proto, streamFrame, type PathId } from '@kwik/wire';
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
    sessionWindowBytes: shape.streamWindowBytes,
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
  let nextAtPrimary = 0;
  const indexes = Array.from({ length: chunks >> 1 }, (_, index) => 2 * index + 1);
  if (shape.order === 'descending') indexes.reverse();
  const forSecondary = shape.order === 'random' ? random.shuffle(indexes) : indexes;

  const writeAtPrimary = (): void => {
    const send = atPrimary.send!;
    if (nextAtPrimary === chunks || send.room === 0) return;
    if (nextAtPrimary % 2 === 1) send.reserve(chunkBytes);
    else send.write(piece(nextAtPrimary));
    nextAtPrimary++;
    if (nextAtPrimary === chunks) send.finish();
    primary.offer(atPrimary);
  };
  const writeAtSecondary = (): void => {
    // In random order the application does not wait for one write before it asks for the next.
    const ready = shape.order === 'random' ? forSecondary.length : 1;
    const index = forSecondary.slice(0, ready).find((next) => atSecondary.send!.acceptsAt(next * chunkBytes));
    if (index === undefined) return;
    forSecondary.splice(forSecondary.indexOf(index), 1);
    atSecondary.send!.writeAt(index * chunkBytes, piece(index));
    secondary.offer(atSecondary);
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

  it.each([
    ['a secondary that contradicts the primary is refused', 'secondary', 'pathId 1 ERR_KWIK_OFFSET_MISMATCH'],
    ['a secondary that the primary contradicts was wrong: the stream fails', 'primary', 'failed, then pathId 1'],
  ] as const)('%s', (_name, later, expected) => {
    const limits: SmallLimits = { ...base, sessionWindowBytes: 4096, maxStreams: 4, maxPacketBytes: 65_536 };
    const client = planeOf('client', limits);
    connect(client, limits);
    connect(client, limits, SECONDARY_PATH_ID);
    const stream = client.open(false);
    const say = (path: PathId, byte: number, packetNumber: bigint): void => {
      const frame = streamFrame({ streamId: stream.id, offset: 10n, data: new Uint8Array(20).fill(byte) });
      client.handleChunk(path, 0, encodePacket({ packetNumber, type: proto.PacketType.DATA, frames: [frame] }), 0);
    };
    const order = later === 'secondary' ? [PRIMARY_PATH_ID, SECONDARY_PATH_ID] : [SECONDARY_PATH_ID, PRIMARY_PATH_ID];
    say(order[0]!, 1, 0n);
    say(order[0]!, 1, 1n);
    expect(eventsOf(client).filter(({ kind }) => kind === 'violation')).toEqual([]);
    say(order[1]!, 2, 0n);
    const told = eventsOf(client).flatMap((event) => {
      if (event.kind === 'failed') return ['failed, then'];
      return event.kind === 'violation' ? [`pathId ${event.pathId} ${event.error.code}`] : [];
    });
    expect(told.join(' ')).toContain(expected);
    expect(stream.receive!.bufferedBytes).toBe(20);
  });

  it('waits for the notice of its stream when it overtakes it, and surfaces no stream (simulator, seed 8393)', () => {
    const limits: SmallLimits = { ...base, sessionWindowBytes: 4096, maxStreams: 4, maxPacketBytes: 65_536 };
    const client = planeOf('client', limits);
    connect(client, limits);
    connect(client, limits, SECONDARY_PATH_ID);
    const streamId = makeStreamId(1n, 'server', true);
    const frame = streamFrame({ streamId, offset: 0n, data: patternBytes(20) });
    client.handleChunk(
      SECONDARY_PATH_ID,
      0,
      encodePacket({ packetNumber: 0n, type: proto.PacketType.DATA, frames: [frame] }),
      0,
    );
    expect(eventsOf(client).filter(({ kind }) => kind === 'opened' || kind === 'violation')).toEqual([]);
    client.handleStreamOpened(streamId);
    expect(eventsOf(client).filter(({ kind }) => kind === 'opened')).toHaveLength(2);
    expect(client.read(client.streams.get(streamId)!)?.data).toEqual(patternBytes(20));
  });

  it('that overtook the notice of its stream is told the window again when it comes back', () => {
    const client = new DataPeer('client');
    const streamId = makeStreamId(0n, 'server', true);
    client.say([data(streamId, 0, 10)], SECONDARY_PATH_ID);
    client.plane.removePath(SECONDARY_PATH_ID);
    // Meanwhile the stream is there, and its reader moves the window on.
    const size = LIMITS.streamWindowBytes / 2;
    client.say([data(streamId, 0, size)]);
    const stream = client.plane.streams.get(streamId)!;
    while (client.plane.read(stream) !== undefined);
    expect(stream.receive!.maxOffset).toBe(LIMITS.streamWindowBytes + size);
    connect(client.plane, LIMITS, SECONDARY_PATH_ID);
    client.say([data(streamId, size, 10)], SECONDARY_PATH_ID);
    const told = client.hear(SECONDARY_PATH_ID).find(({ body }) => body?.$case === 'windowUpdate')?.body?.value;
    expect(told).toMatchObject({ streamId, maxOffset: BigInt(LIMITS.streamWindowBytes + size) });
  });

  it('leaves the other paths and the stream alone when the secondary is lost: what it had acknowledged stays', () => {
    const limits: SmallLimits = { ...base, sessionWindowBytes: 4096, maxStreams: 4, maxPacketBytes: 65_536 };
    const random = new TestRandom(1);
    const client = planeOf('client', limits);
    const secondary = planeOf('secondary', limits);
    connect(client, limits);
    connect(client, limits, SECONDARY_PATH_ID);
    connect(secondary, limits, SECONDARY_PATH_ID);
    const link = new DataLink(random, client, secondary, SECONDARY_PATH_ID);
    const stream = client.open(false);
    const attached = secondary.streams.attach(stream.id);
    attached.send!.writeAt(0, patternBytes(100));
    secondary.offer(attached);
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

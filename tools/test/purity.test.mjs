import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { PURE, TEST_FILE } from '../lib/layers.mjs';
import { ROOT } from '../lib/workspace.mjs';
import { BareContext } from './bare-context.mjs';

// It compiles what it loads, which takes its time on a machine that is busy.
jest.setTimeout(60_000);

/** What a pure part may not find, and would fail by in the middle of its work. */
const ABSENT = [
  ...['process', 'Buffer', 'require', 'global', 'window', 'crypto', 'performance', 'fetch', 'structuredClone'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'TextEncoder', 'TextDecoder', 'AbortController'],
  ...['EventTarget', 'URL', 'ReadableStream'],
];
/** The protobuf runtime asks for these where it writes what is no plain packet. */
const TEXT = { TextEncoder, TextDecoder };
const NATIVES = {
  crc32,
  sha256: (/** @type {Uint8Array} */ bytes) => createHash('sha256').update(bytes).digest(),
  deflate: (/** @type {Uint8Array} */ bytes) => deflateRawSync(bytes),
  inflate: (/** @type {Uint8Array} */ bytes, /** @type {number} */ maxOutputLength) =>
    inflateRawSync(bytes, { maxOutputLength }),
};

/** @type {BareContext} */
let bare;

beforeEach(() => {
  bare = new BareContext();
});

test('the context is bare, and refuses what is not', async () => {
  expect(ABSENT.filter((name) => bare.evaluate(`typeof ${name}`) !== 'undefined')).toEqual([]);
  await expect(bare.load('packages/kcp/src/index.ts')).rejects.toThrow(/^packages\/kcp\/\S+ imports node:/);
});

test.each(PURE)('each module of %s loads where there is nothing of Node', async (part) => {
  const folder = `packages/${part}`;
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((file) => file.endsWith('.ts') && !TEST_FILE.test(file));
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) await bare.load(file);
});

describe('where there is nothing of Node', () => {
  test('packets are encoded and decoded', async () => {
    bare = new BareContext(TEXT);
    const wire = await bare.load('packages/wire/src/index.ts');
    const frames = [
      wire.streamFrame({ streamId: 4n, offset: 7n, data: Uint8Array.of(1, 2, 3), fin: true }),
      wire.windowUpdateFrame({ streamId: 4n, maxOffset: 1n << 40n }),
    ];
    const bytes = wire.encodePacket({ packetNumber: 5n, type: wire.proto.PacketType.DATA, frames }, crc32);
    const reader = new wire.PacketReader(crc32);
    for (const byte of bytes) reader.push(Uint8Array.of(byte));
    const packet = reader.next();
    expect([packet.packetNumber, packet.frames.length]).toEqual([5n, 2]);
    expect([...packet.frames[0].body.value.data]).toEqual([1, 2, 3]);
    expect(() => wire.decodePacket(bytes.subarray(2), crc32)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_CHECKSUM_MISMATCH' }),
    );
  });

  test('control messages, with text and ids', async () => {
    bare = new BareContext(TEXT);
    const wire = await bare.load('packages/wire/src/index.ts');
    const sessionId = wire.toSessionId('00ff'.repeat(8));
    const header = {
      id: 1n,
      inReplyTo: 0n,
      sessionId: wire.sessionIdToBytes(sessionId),
      priority: 0,
      ttlMs: 9,
      timeMs: 1n,
    };
    const body = { $case: 'close', value: { code: 1, reason: 'die Straße ist zu', error: false } };
    const read = new wire.DelimitedReader();
    read.push(wire.encodeKcpMessage({ header, body }));
    const message = wire.decodeKcpMessage(read.next());
    expect(message.body.value.reason).toBe('die Straße ist zu');
    expect(wire.sessionIdFromBytes(message.header.sessionId)).toBe(sessionId);
  });

  test('a scheduler decides', async () => {
    const { createScheduler } = await bare.load('packages/scheduler/src/index.ts');
    const path = {
      id: 0,
      state: 'active',
      primary: true,
      rttMs: 20,
      rttVarMs: 2,
      minRttMs: 20,
      weight: 1,
      lossRate: 0,
    };
    const room = {
      windowBytes: 60_000,
      inFlightBytes: 30_000,
      queuedBytes: 0,
      sendableBytes: 30_000,
      datagramBytes: 1200,
    };
    const request = { streamId: 0n, pendingBytes: 1e6, priority: 3, kind: 'data', windowBytes: 4e6, exclude: [] };
    const slow = { ...path, ...room, id: 1, rttMs: 900, minRttMs: 900, deliveryRateBytesPerSecond: 1000 };
    const decision = createScheduler().select(
      request,
      [slow, { ...path, ...room, deliveryRateBytesPerSecond: 2_500_000 }],
      0,
    );
    expect(decision).toMatchObject({ kind: 'send', pathId: 0 });
  });

  test('a packet is sent, acknowledged and timed', async () => {
    const { AckTracker, RttEstimator, SentPackets } = await bare.load('packages/paths/src/index.ts');
    const [sent, received, rtt] = [new SentPackets(), new AckTracker(), new RttEstimator()];
    const number = sent.nextNumber();
    sent.record(number, 1200, true, 'hello', 0);
    received.onPacket(number, true, 10);
    const ack = received.poll(received.ackDueAtMs());
    const { acked, rttSampleMs } = sent.onAck(ack.ranges, ack.ackDelayUs, 40);
    rtt.sample(rttSampleMs, ack.ackDelayUs / 1000, 40);
    expect([...acked, rtt.smoothedMs]).toEqual(['hello', 40]);
  });

  test.each([false, true])('bytes go from one end of a session to the other (compressed: %s)', async (compresses) => {
    bare = new BareContext(TEXT);
    const { DataPlane } = await bare.load('packages/session/src/core/data/data-plane.ts');
    const windows = { streamWindowBytes: 100_000, pathWindowBytes: 200_000, sendBufferBytes: 50_000 };
    const options = { ...windows, maxStreams: 8, maxPacketBytes: 65_536, natives: NATIVES };
    const peer = { ...windows, maxBidiStreams: 8, maxUniStreams: 8, mayContribute: true, mayServe: true, compresses };
    const [client, primary] = ['client', 'primary'].map((role) => new DataPlane({ ...options, role }));
    for (const plane of [client, primary]) plane.addPath(0, peer);
    const stream = client.open(false);
    stream.send.write(new Uint8Array(20_000).fill(7));
    client.markReady(stream);
    for (let packet = client.pollPacket(0, 5000, 0); packet !== undefined; packet = client.pollPacket(0, 5000, 0)) {
      primary.handleChunk(0, 0, packet, 10);
    }
    let opened = primary.nextEvent();
    while (opened.kind !== 'opened') opened = primary.nextEvent();
    primary.accept(opened.stream);
    let bytes = 0;
    for (let chunk = primary.read(opened.stream); chunk !== undefined; chunk = primary.read(opened.stream)) {
      expect(chunk.data.every((/** @type {number} */ byte) => byte === 7)).toBe(true);
      bytes += chunk.data.length;
    }
    expect(bytes).toBe(20_000);
  });

  test('pieces in any order, and twice, are put together; a contradiction is found', async () => {
    const { Reassembler } = await bare.load('packages/session/src/core/streams/reassembler.ts');
    const reassembler = new Reassembler();
    for (const [start, byte] of [
      [4, 2],
      [0, 1],
      [2, 1],
      [4, 2],
    ]) {
      reassembler.insert(start, new Uint8Array(byte === 2 ? 4 : 2).fill(byte ?? 0), 0);
    }
    expect(reassembler.insert(4, Uint8Array.of(2, 3), 1)).toMatchObject({ fresh: 0, conflict: 0 });
    const read = [];
    for (let chunk = reassembler.read(3); chunk !== undefined; chunk = reassembler.read(3)) read.push(...chunk.data);
    expect(read).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
  });

  test('blocks of content are asked for, checked, and asked of another', async () => {
    const { ContentReceiver } = await bare.load('packages/session/src/core/content/content-receiver.ts');
    const start = {
      streamId: 3n,
      baseOffset: 100n,
      key: 'file',
      size: 8192n,
      blockBytes: 4096,
      digest: 1,
      initialBytes: 0n,
    };
    const receiver = new ContentReceiver(start, 3n, NATIVES.sha256);
    receiver.addSource(1, false, 0);
    const asked = receiver.plan(0, 1e6).map((/** @type {{ block: number }} */ { block }) => block);
    expect(asked).toEqual([0, 1]);
    const block = new Uint8Array(4096).fill(5);
    receiver.handleDigests(0, Buffer.concat([NATIVES.sha256(block), NATIVES.sha256(block)]), 1);
    receiver.handleData(1, 0, block, 2);
    receiver.handleData(1, 4096, new Uint8Array(4096), 3);
    expect(receiver.takeVerified()).toMatchObject([{ offset: 100 }]);
    expect(receiver.takeViolations()).toEqual([{ pathId: 1, block: 1 }]);
    receiver.removeSource(1, 'untrusted');
    receiver.addSource(2, false, 4);
    expect(receiver.plan(4, 1e6)).toMatchObject([{ kind: 'request', pathId: 2, block: 1 }]);
  });
});

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { PathTransport } from '@kwik/wire';

import { SeededRandom } from '../random/seeded-random.js';
import { RecordingSide, writeAll, type RecordingStream } from './recording-handlers.js';

/** What a test asks of its pair; times in milliseconds, sizes in bytes. */
export interface PairOptions {
  readonly streamWindowBytes?: number;
  readonly connectionWindowBytes?: number;
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  readonly idleTimeoutMs?: number;
}

/** Two ends of one connection, nothing attached yet. */
export interface TransportPair {
  readonly client: PathTransport;
  readonly server: PathTransport;
  /** Lets time pass, virtual or real, until `condition` holds; rejects when it does not in good time. */
  until(condition: () => boolean): Promise<void>;
  /** Lets `ms` milliseconds pass. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type MakePair = (options: PairOptions) => Promise<TransportPair>;

/** For machines that do other things as well. */
const TEST_TIMEOUT_MS = 60_000;

/** What the bytes of a test are made of. */
function content(length: number, seed = length): Uint8Array {
  return new SeededRandom(seed).bytes(length);
}

/**
 * What every `PathTransport` must do, as the doc comments of the contract say. The pair's link must be faultless and
 * have a round-trip time above zero; the server must show at least one certificate.
 */
export function describePathTransportContract(name: string, makePair: MakePair): void {
  jest.setTimeout(TEST_TIMEOUT_MS);
  describe(`${name} keeps the contract of PathTransport`, () => {
    const open: TransportPair[] = [];
    const sides: RecordingSide[] = [];
    const make = async (options: PairOptions = {}): Promise<Attached> => {
      const pair = await makePair(options);
      open.push(pair);
      const attached = { pair, client: new RecordingSide(pair.client), server: new RecordingSide(pair.server) };
      sides.push(attached.client, attached.server);
      return attached;
    };
    const makeAttached = async (options: PairOptions = {}): Promise<Attached> => {
      const made = await make(options);
      made.client.attach();
      made.server.attach();
      return made;
    };

    afterEach(async () => {
      for (const pair of open.splice(0)) await pair.close();
      const violations = sides.splice(0).flatMap((side) => [...side.violations, ...side.depth.violations]);
      expect(violations).toEqual([]);
    });

    describeBasics(make, makeAttached);
    describeStreams(makeAttached);
    describeFlow(makeAttached);
    describeEnd(makeAttached);
  });
}

interface Attached {
  readonly pair: TransportPair;
  readonly client: RecordingSide;
  readonly server: RecordingSide;
}
type Make = (options?: PairOptions) => Promise<Attached>;

function describeBasics(make: Make, makeAttached: Make): void {
  test('knows its sides, addresses and certificates', async () => {
    const { pair } = await makeAttached();
    expect([pair.client.side, pair.server.side]).toEqual(['client', 'server']);
    expect(pair.client.remote.port).toBe(pair.server.local.port);
    expect(pair.server.remote.port).toBe(pair.client.local.port);
    expect(pair.client.peerCertificates.length).toBeGreaterThan(0);
    expect(pair.server.peerCertificates).toEqual([]);
    expect([pair.client.closed, pair.server.closed]).toEqual([false, false]);
  });

  test('takes a handler once, and so does a stream', async () => {
    const { client } = await makeAttached();
    const refused = expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' });
    expect(() => client.attach()).toThrow(refused);
    const stream = must(client.open(false));
    expect(() => stream.stream.attach(stream)).toThrow(refused);
  });

  test('streams and data that came before the handler are told after it was attached, not while', async () => {
    const { pair, client, server } = await make();
    client.attach();
    const sent = must(client.open(true));
    writeAll(sent, content(5000));
    await pair.pass(50);
    server.attach();
    expect(server.streams.size).toBe(0);
    await pair.until(() => server.streams.get(sent.stream.id)?.events.includes('end') === true);
    expectSame(server.streams.get(sent.stream.id), content(5000));
  });

  test('data for a stream that was opened here waits for its handler', async () => {
    const { pair, client, server } = await makeAttached();
    const bare = must(pair.client.openStream({ unidirectional: false }));
    bare.write(Buffer.from('question'));
    server.onStreamDo = (stream) => writeAll(stream, content(3000));
    await pair.until(() => server.streams.size === 1);
    await pair.pass(50);
    let received = 0;
    bare.attach({
      onData: (chunk) => (received += chunk.length),
      onEnd: () => undefined,
      onReset: () => undefined,
      onStopSending: () => undefined,
      onWritable: () => undefined,
    });
    expect(received).toBe(0);
    await pair.until(() => received === 3000);
    expect(client.closes).toEqual([]);
  });

  test('tells about the connection: RTT, counts, last sign of the peer', async () => {
    const { pair, client, server } = await makeAttached();
    const before = client.transport.lastReceivedMs();
    server.onStreamDo = (stream) => writeAll(stream, content(200_000));
    const stream = must(client.open(false));
    writeAll(stream, content(100));
    await pair.until(() => stream.events.includes('end'));
    const stats = client.transport.stats();
    expect(stats.rttMs).toBeGreaterThan(0);
    expect(stats.minRttMs).toBeGreaterThan(0);
    expect(stats.cwndBytes).toBeGreaterThan(stats.datagramBytes);
    expect(stats.sentPackets).toBeGreaterThan(0);
    expect(stats.receivedBytes).toBeGreaterThan(200_000);
    expect(server.transport.stats().sentBytes).toBeGreaterThan(200_000);
    expect(client.transport.lastReceivedMs()).toBeGreaterThan(before);
  });
}

function describeStreams(makeAttached: Make): void {
  test.each(['client', 'server'] as const)('a bidirectional stream of the %s carries bytes both ways', async (from) => {
    const { pair, ...both } = await makeAttached();
    const [near, far] = from === 'client' ? [both.client, both.server] : [both.server, both.client];
    far.onStreamDo = (stream) => writeAll(stream, content(70_000, 2));
    const stream = must(near.open(false));
    writeAll(stream, content(50_000, 1));
    await pair.until(() => stream.events.length > 0 && far.streams.get(stream.stream.id)?.events.length === 1);
    const there = must(far.streams.get(stream.stream.id));
    expect([stream.stream.openedByPeer, there.stream.openedByPeer]).toEqual([false, true]);
    expect([stream.stream.unidirectional, there.stream.unidirectional]).toEqual([false, false]);
    expectSame(there, content(50_000, 1));
    expectSame(stream, content(70_000, 2));
    expect([stream.events, there.events]).toEqual([['end'], ['end']]);
    expect(stream.chunksUntouched && there.chunksUntouched).toBe(true);
  });

  test('a unidirectional stream carries bytes one way', async () => {
    const { pair, client, server } = await makeAttached();
    const stream = must(server.open(true));
    writeAll(stream, content(10_000));
    await pair.until(() => client.streams.get(stream.stream.id)?.events.length === 1);
    const there = must(client.streams.get(stream.stream.id));
    expect(there.stream.unidirectional).toBe(true);
    expectSame(there, content(10_000));
    expect(() => there.write(content(1))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_STREAM_CLOSED' }));
  });

  test('stream ids are those of RFC 9000, section 2.1', async () => {
    const { client, server } = await makeAttached();
    const ids = (side: RecordingSide): number[] =>
      [false, true, false, true].map((uni) => must(side.open(uni)).stream.id);
    expect(ids(client)).toEqual([0, 2, 4, 6]);
    expect(ids(server)).toEqual([1, 3, 5, 7]);
  });

  test('an empty stream ends, and an end after data comes after it', async () => {
    const { pair, client, server } = await makeAttached();
    const empty = must(client.open(true));
    empty.end();
    const late = must(client.open(true));
    late.write(content(10));
    await pair.until(() => server.streams.get(late.stream.id)?.receivedBytes === 10);
    late.end();
    await pair.until(() => [empty, late].every(({ stream }) => server.streams.get(stream.id)?.events[0] === 'end'));
    expect(server.streams.get(empty.stream.id)?.chunks).toEqual([]);
    expect(() => late.write(content(1))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_STREAM_CLOSED' }));
  });

  test('a reset tells its code and nothing after it', async () => {
    const { pair, client, server } = await makeAttached();
    const stream = must(client.open(false));
    stream.write(content(1000));
    await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === 1000);
    stream.reset(4242);
    const there = must(server.streams.get(stream.stream.id));
    await pair.until(() => there.events.length > 0);
    await pair.pass(50);
    expect(there.events).toEqual(['reset 4242']);
    expect(() => stream.write(content(1))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_STREAM_CLOSED' }));
    // The other direction lives on.
    writeAll(there, content(300));
    await pair.until(() => stream.events.includes('end'));
    expect(stream.receivedBytes).toBe(300);
  });

  test('a stop tells its code, and writing leads nowhere from then on', async () => {
    const { pair, client, server } = await makeAttached();
    const stream = must(client.open(false));
    stream.write(content(1000));
    await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === 1000);
    const there = must(server.streams.get(stream.stream.id));
    there.stopSending(77);
    await pair.until(() => stream.events.length > 0);
    expect(stream.events).toEqual(['stop 77']);
    expect(stream.write(content(1000))).toBe(0);
    await pair.pass(50);
    expect(there.receivedBytes).toBe(1000);
    expect(there.events).not.toContain('end');
  });

  test('streams stay apart: 60 of them at once, each whole', async () => {
    const { pair, client, server } = await makeAttached();
    server.onStreamDo = (stream) => {
      if (!stream.stream.unidirectional) writeAll(stream, content(20_000, stream.stream.id));
    };
    const random = new SeededRandom(60);
    const streams = Array.from({ length: 60 }, (_, index) => {
      const stream = must(client.open(index % 3 === 0));
      const data = content(random.below(40_000), index);
      writeAll(stream, data);
      return { stream, data };
    });
    const ended = (stream: RecordingStream | undefined): boolean => stream?.events[0] === 'end';
    await pair.until(() =>
      streams.every(
        ({ stream }) => ended(server.streams.get(stream.stream.id)) && (stream.stream.unidirectional || ended(stream)),
      ),
    );
    for (const { stream, data } of streams) {
      expectSame(server.streams.get(stream.stream.id), data);
      if (!stream.stream.unidirectional) expect(stream.receivedBytes).toBe(20_000);
    }
  });

  test.each([false, true])('the peer bounds the number of streams, unidirectional: %s', async (unidirectional) => {
    const { pair, client, server } = await makeAttached({ maxBidiStreams: 3, maxUniStreams: 3 });
    server.onStreamDo = (stream) => {
      if (!unidirectional) stream.end();
    };
    const streams = [1, 2, 3].map(() => must(client.open(unidirectional)));
    expect(client.open(unidirectional)).toBeUndefined();
    for (const stream of streams) writeAll(stream, content(10));
    await pair.until(() => streams.every(({ stream }) => server.streams.get(stream.id)?.events[0] === 'end'));
    // Finished streams give their places back.
    let next: RecordingStream | undefined;
    await pair.until(() => (next ??= client.open(unidirectional)) !== undefined);
    writeAll(must(next), content(20));
    await pair.until(() => server.streams.get(must(next).stream.id)?.receivedBytes === 20);
  });
}

function describeFlow(makeAttached: Make): void {
  test('three megabytes arrive whole, though writes come up short and buffers are reused', async () => {
    const { pair, client, server } = await makeAttached();
    const data = content(3_000_000);
    const stream = must(client.open(true));
    writeAll(stream, data);
    await pair.until(() => server.streams.get(stream.stream.id)?.events[0] === 'end');
    const there = must(server.streams.get(stream.stream.id));
    expectSame(there, data);
    expect(there.chunksUntouched).toBe(true);
    expect(stream.writableCalls).toBeGreaterThan(0);
  });

  test('a paused stream gets nothing and holds its sender back; resumed, it gets all', async () => {
    const { pair, client, server } = await makeAttached({ streamWindowBytes: 65_536, connectionWindowBytes: 1 << 20 });
    const data = content(4_000_000);
    server.onStreamDo = (stream) => stream.pause();
    const stream = must(client.open(true));
    writeAll(stream, data);
    await pair.until(() => server.streams.size === 1);
    await pair.pass(300);
    const there = must(server.streams.get(stream.stream.id));
    expect(there.chunks).toEqual([]);
    expect(stream.events).toEqual([]);
    expect(server.transport.stats().receivedBytes).toBeLessThan(200_000);
    there.resume();
    await pair.until(() => there.events[0] === 'end');
    expectSame(there, data);
  });

  test('a stream can be paused from inside onData, and that very moment holds', async () => {
    const { pair, client, server } = await makeAttached();
    server.onStreamDo = (stream) => (stream.onDataDo = () => stream.pause());
    const stream = must(client.open(true));
    writeAll(stream, content(100_000));
    await pair.until(() => server.streams.get(stream.stream.id)?.chunks.length === 1);
    await pair.pass(50);
    const there = must(server.streams.get(stream.stream.id));
    expect(there.chunks).toHaveLength(1);
    for (let count = 1; !there.events.includes('end'); count++) {
      there.resume();
      await pair.until(() => there.chunks.length > count || there.events.includes('end'));
    }
    expectSame(there, content(100_000));
  });

  test('a paused stream does not stop another', async () => {
    const { pair, client, server } = await makeAttached({ streamWindowBytes: 65_536, connectionWindowBytes: 1 << 20 });
    const [held, free] = [must(client.open(true)), must(client.open(true))];
    server.onStreamDo = (stream) => {
      if (stream.stream.id === held.stream.id) stream.pause();
    };
    writeAll(held, content(500_000));
    writeAll(free, content(500_000));
    await pair.until(() => server.streams.get(free.stream.id)?.events[0] === 'end');
    expect(server.streams.get(held.stream.id)?.chunks).toEqual([]);
  });

  test('sendableBytes falls with what is written, and onSendable tells of its return', async () => {
    const { pair, client } = await makeAttached();
    await pair.until(() => client.transport.sendableBytes() >= client.transport.stats().datagramBytes);
    const stream = must(client.open(true));
    let written = 0;
    while (client.transport.sendableBytes() >= client.transport.stats().datagramBytes && written < 64 << 20) {
      const before = client.transport.sendableBytes();
      const taken = stream.write(content(1000));
      if (taken === 0) break;
      written += taken;
      expect(client.transport.sendableBytes()).toBeLessThan(before);
    }
    expect(client.transport.sendableBytes()).toBeLessThan(client.transport.stats().datagramBytes);
    expect(client.transport.stats().unsentBytes).toBeGreaterThan(0);
    const calls = client.sendableCalls;
    await pair.until(() => client.sendableCalls > calls);
    await pair.until(() => client.transport.stats().unsentBytes === 0);
  });

  test('a sender that writes only what is sendable gets all through', async () => {
    const { pair, client, server } = await makeAttached();
    const total = 2_000_000;
    const stream = must(client.open(true));
    const data = content(total);
    let offset = 0;
    const go = (): void => {
      while (offset < total) {
        const room = Math.min(client.transport.sendableBytes(), 8192, total - offset);
        const taken = room < 1000 && room < total - offset ? 0 : stream.write(data.subarray(offset, offset + room));
        if (taken === 0) return;
        offset += taken;
      }
    };
    const onSendable = client.onSendable.bind(client);
    client.onSendable = () => {
      onSendable();
      go();
    };
    stream.onWritableDo = go;
    go();
    await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === total);
    expectSame(server.streams.get(stream.stream.id), data);
  });
}

function describeEnd(makeAttached: Make): void {
  test('close sends what was written, then its code and reason; both sides hear it once and nothing after', async () => {
    const { pair, client, server } = await makeAttached();
    const stream = must(client.open(true));
    expect(stream.write(content(10_000))).toBe(10_000);
    client.close(1234, 'that was all');
    expect(client.closes).toEqual([]);
    await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
    await pair.pass(100);
    expect(client.closes).toEqual([{ by: 'local', code: 1234, reason: 'that was all' }]);
    expect(server.closes).toEqual([{ by: 'peer', code: 1234, reason: 'that was all' }]);
    expectSame(server.streams.get(stream.stream.id), content(10_000));
  });

  test('a closed transport opens and writes nothing, and does not mind being closed again', async () => {
    const { pair, client, server } = await makeAttached();
    const stream = must(client.open(true));
    server.close(5, '');
    await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
    for (const side of [client, server]) {
      expect(side.transport.closed).toBe(true);
      expect(side.transport.openStream({ unidirectional: true })).toBeUndefined();
      expect(side.transport.sendableBytes()).toBe(0);
      side.close(6, 'again');
    }
    expect(stream.write(content(10))).toBe(0);
    stream.resume();
    stream.stopSending(1);
    stream.reset(1);
    await pair.pass(100);
    expect([client.closes.length, server.closes.length]).toEqual([1, 1]);
  });

  test('both may close at once', async () => {
    const { pair, client, server } = await makeAttached();
    client.close(1, 'client');
    server.close(2, 'server');
    await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
    await pair.pass(100);
    expect([client.closes.length, server.closes.length]).toEqual([1, 1]);
  });

  test('closing from inside a handler stops the calls at once', async () => {
    const { pair, client, server } = await makeAttached();
    server.onStreamDo = (stream) => (stream.onDataDo = () => server.close(9, 'enough'));
    const stream = must(client.open(true));
    writeAll(stream, content(50_000));
    await pair.until(() => server.closes.length > 0 && client.closes.length > 0);
    expect(server.streams.get(stream.stream.id)?.chunks).toHaveLength(1);
    expect(client.closes[0]).toMatchObject({ by: 'peer', code: 9, reason: 'enough' });
  });

  test('silence longer than the idle timeout ends it', async () => {
    const { pair, client, server } = await makeAttached({ idleTimeoutMs: 400 });
    await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
    for (const { closes } of [client, server]) {
      expect(closes).toHaveLength(1);
      expect(closes[0]).toMatchObject({ by: 'idle', error: { code: 'ERR_KWIK_IDLE_TIMEOUT' } });
    }
  });
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('this was expected to be there');
  return value;
}

/** Without the cost of a deep comparison. */
function expectSame(stream: RecordingStream | undefined, expected: Uint8Array): void {
  const actual = must(stream).data;
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

import { describe, expect, test } from '@jest/globals';
import { KwikError, type PathTransport } from '@kwik/wire';

import { VirtualClock } from '../clock/virtual-clock.js';
import type { LinkShape } from '../link/link-options.js';
import { SeededRandom } from '../random/seeded-random.js';
import { RecordingSide, writeAll, type RecordingStream } from '../contract/recording-handlers.js';
import { MemoryNetwork, type MemoryDialOptions, type MemoryListenOptions } from './memory-network.js';

const SERVER = 'server.test:443';

interface World {
  readonly clock: VirtualClock;
  readonly net: MemoryNetwork;
  readonly client: RecordingSide;
  readonly server: RecordingSide;
}

/** A client and a server with a connection between them. */
function connected(
  shape: LinkShape,
  options: Partial<MemoryDialOptions> & { seed?: number; listen?: MemoryListenOptions } = {},
): World {
  const clock = new VirtualClock();
  const net = new MemoryNetwork({ clock, seed: options.seed ?? 1, link: shape });
  let server: RecordingSide | undefined;
  let client: RecordingSide | undefined;
  net.listen(SERVER, (transport) => (server = new RecordingSide(transport).attach()), options.listen);
  net.connect(
    { to: SERVER, ...options },
    { onConnected: (transport) => (client = new RecordingSide(transport).attach()), onFailed: fail },
  );
  clock.runUntil(() => server !== undefined && client !== undefined);
  if (server === undefined || client === undefined) throw new Error('no connection');
  return { clock, net, client, server };
}

function fail(error: unknown): never {
  throw error;
}

/** Sends `bytes` from the server; the receiving stream once it has ended. */
function download({ clock, client, server }: World, bytes: number, maxMs = 600_000): RecordingStream {
  const stream = server.open(true);
  if (stream === undefined) throw new Error('no stream');
  const data = new SeededRandom(bytes).bytes(bytes);
  writeAll(stream, data);
  const there = (): RecordingStream | undefined => client.streams.get(stream.stream.id);
  if (!clock.runUntil(() => there()?.events.length === 1, { maxMs })) throw new Error('it did not arrive');
  const received = there();
  if (received === undefined || Buffer.compare(received.data, data) !== 0) throw new Error('it did not arrive whole');
  return received;
}

/** Bit/s of stream data. */
function rateOf(world: World, bytes: number): number {
  const startMs = world.clock.now();
  download(world, bytes);
  return (bytes * 8000) / (world.clock.now() - startMs);
}

describe('transfers', () => {
  test.each<[string, LinkShape]>([
    ['20 Mbit/s, 20 ms', { both: { rateBitsPerSecond: 20e6, delayMs: 10 } }],
    ['5 Mbit/s, 120 ms', { both: { rateBitsPerSecond: 5e6, delayMs: 60 } }],
    ['50 Mbit/s, 2 ms', { both: { rateBitsPerSecond: 50e6, delayMs: 1 } }],
    ['20 Mbit/s, queue of 10 ms', { both: { rateBitsPerSecond: 20e6, delayMs: 25, queueBytes: 25_000 } }],
  ])('fill the link: %s', (_, shape) => {
    const world = connected(shape);
    const limit = shape.both?.rateBitsPerSecond ?? 0;
    const rate = rateOf(world, 5_000_000);
    expect(rate).toBeGreaterThan(0.85 * limit);
    expect(rate).toBeLessThan(limit);
    expect(world.server.transport.stats().deliveryRateBytesPerSecond * 8).toBeGreaterThan(0.85 * limit);
    expect(world.server.transport.stats().lostPackets).toBe(0);
  });

  test('two connections share a link, and each takes its part', () => {
    const world = connected({ both: { rateBitsPerSecond: 10e6, delayMs: 10 } });
    const others: RecordingSide[] = [];
    world.net.connect(
      { to: SERVER },
      { onConnected: (t) => others.push(new RecordingSide(t).attach()), onFailed: fail },
    );
    world.clock.runUntil(() => others.length === 1);
    const other = others[0]?.open(true);
    if (other === undefined) throw new Error('no stream');
    expect(world.net.link(SERVER).connections).toBe(4);
    const startMs = world.clock.now();
    download(world, 1_000_000);
    expect(world.clock.now() - startMs).toBeGreaterThan(800);
  });

  test('the RTT is that of the link, and grows by the queue', () => {
    const world = connected({ both: { rateBitsPerSecond: 10e6, delayMs: 15 } });
    download(world, 100);
    expect(world.server.transport.stats().minRttMs).toBeGreaterThanOrEqual(30);
    expect(world.server.transport.stats().minRttMs).toBeLessThan(34);
    download(world, 2_000_000);
    expect(world.server.transport.stats().rttMs).toBeGreaterThan(45);
  });

  test.each<[string, LinkShape]>([
    ['loss', { both: { rateBitsPerSecond: 20e6, delayMs: 10, lossRate: 0.05 } }],
    ['bursts', { both: { rateBitsPerSecond: 20e6, delayMs: 10, burstLoss: { enterRate: 0.01, leaveRate: 0.2 } } }],
    ['reordering', { both: { rateBitsPerSecond: 20e6, delayMs: 10, reorderRate: 0.2, reorderDelayMs: 8 } }],
    ['duplication', { both: { rateBitsPerSecond: 20e6, delayMs: 10, duplicateRate: 0.3 } }],
    ['a queue that is too short', { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 3000 } }],
    [
      'all of it',
      {
        both: {
          rateBitsPerSecond: 5e6,
          delayMs: 30,
          jitterMs: 10,
          lossRate: 0.1,
          reorderRate: 0.1,
          duplicateRate: 0.1,
        },
      },
    ],
  ])('arrive whole in spite of %s', (_, shape) => {
    for (let seed = 1; seed <= 5; seed++) download(connected(shape, { seed }), 300_000);
  });

  test('losses are noticed, repaired and counted', () => {
    const world = connected({ down: { rateBitsPerSecond: 20e6, delayMs: 10, lossRate: 0.02 }, up: { delayMs: 10 } });
    download(world, 2_000_000);
    const { lostPackets, sentPackets } = world.server.transport.stats();
    const { dropped } = world.net.link(SERVER).stats().down;
    expect(lostPackets).toBeGreaterThanOrEqual(dropped.loss - 2);
    expect(lostPackets / sentPackets).toBeLessThan(0.04);
  });

  test('the same seed gives the same run, another one another', () => {
    const run = (seed: number): number => {
      const world = connected({ both: { rateBitsPerSecond: 5e6, delayMs: 20, jitterMs: 5, lossRate: 0.03 } }, { seed });
      download(world, 500_000);
      return world.clock.now();
    };
    expect(run(4)).toBe(run(4));
    expect(run(4)).not.toBe(run(5));
  });
});

describe('faults', () => {
  test('a cut stops everything, healing resumes it', () => {
    const world = connected({ both: { rateBitsPerSecond: 10e6, delayMs: 10 } });
    const { clock, net, server, client } = world;
    const stream = server.open(true);
    if (stream === undefined) throw new Error('no stream');
    const data = new SeededRandom(1).bytes(2_000_000);
    writeAll(stream, data);
    clock.advanceBy(500);
    net.link(SERVER).cut();
    clock.advanceBy(50);
    const received = client.streams.get(stream.stream.id);
    const before = received?.receivedBytes;
    const heard = client.transport.lastReceivedMs();
    clock.advanceBy(5000);
    expect(received?.receivedBytes).toBe(before);
    expect(client.transport.lastReceivedMs()).toBe(heard);
    expect(server.transport.stats().bytesInFlight).toBeGreaterThan(0);
    net.link(SERVER).heal();
    expect(clock.runUntil(() => received?.events[0] === 'end', { maxMs: 10_000 })).toBe(true);
    expect(Buffer.compare(received?.data ?? Buffer.of(), data)).toBe(0);
  });

  test('a cut that lasts ends both sides by idle timeout, when it is due', () => {
    const world = connected({ both: { rateBitsPerSecond: 10e6, delayMs: 10 } }, { idleTimeoutMs: 2000 });
    const { clock, net, server, client } = world;
    const stream = server.open(true);
    if (stream === undefined) throw new Error('no stream');
    writeAll(stream, new Uint8Array(5_000_000));
    clock.advanceBy(300);
    net.link(SERVER).cut();
    const cutMs = clock.now();
    clock.runUntil(() => client.closes.length > 0 && server.closes.length > 0);
    expect(clock.now() - cutMs).toBeGreaterThanOrEqual(1950);
    expect(clock.now() - cutMs).toBeLessThan(2100);
    for (const { closes } of [client, server]) expect(closes).toEqual([expect.objectContaining({ by: 'idle' })]);
  });

  test('one direction cut: nothing is acknowledged, though everything arrives', () => {
    const world = connected({ both: { rateBitsPerSecond: 10e6, delayMs: 10 } }, { idleTimeoutMs: 3000 });
    const { clock, net, server, client } = world;
    net.link(SERVER).cut('up');
    const stream = server.open(true);
    stream?.write(new Uint8Array(5000));
    clock.advanceBy(200);
    expect(client.streams.get(1 | 2)?.receivedBytes).toBe(5000);
    expect(server.transport.stats().bytesInFlight).toBeGreaterThan(0);
    clock.runUntil(() => server.closes.length > 0);
    expect(server.closes[0]?.by).toBe('idle');
  });

  test('a server that is killed falls silent; one that starts in its place knows nothing of before', () => {
    const world = connected({ both: { delayMs: 10 } }, { idleTimeoutMs: 1000 });
    const { clock, net, server, client } = world;
    net.kill(SERVER);
    let restarted = 0;
    net.listen(SERVER, (transport) => {
      restarted++;
      new RecordingSide(transport).attach();
    });
    client.open(true)?.write(new Uint8Array(100));
    clock.runUntil(() => client.closes.length > 0);
    expect(client.closes[0]?.by).toBe('idle');
    expect(server.closes).toEqual([]);
    expect(restarted).toBe(0);
    let again: PathTransport | undefined;
    net.connect({ to: SERVER }, { onConnected: (transport) => (again = transport), onFailed: fail });
    clock.runUntil(() => again !== undefined);
    expect(restarted).toBe(1);
  });

  test('a lost close frame is sent again to whoever still speaks', () => {
    const { clock, net, server, client } = connected({ both: { delayMs: 10 } });
    net.link(SERVER).cut('down');
    server.close(7, 'bye');
    clock.advanceBy(100);
    net.link(SERVER).heal();
    expect(client.closes).toEqual([]);
    client.open(true)?.write(new Uint8Array(10));
    clock.advanceBy(100);
    expect(client.closes).toEqual([{ by: 'peer', code: 7, reason: 'bye' }]);
  });

  test('a close behind a full window still ends within a second', () => {
    const { clock, net, server } = connected({ both: { rateBitsPerSecond: 1e6, delayMs: 10 } });
    const stream = server.open(true);
    while ((stream?.write(new Uint8Array(10_000)) ?? 0) > 0);
    net.link(SERVER).cut();
    server.close(1, 'late');
    clock.advanceBy(1001);
    expect(server.closes).toEqual([{ by: 'local', code: 1, reason: 'late' }]);
  });

  test('a transport can be made to fail', () => {
    const { clock, net, client } = connected({ both: { delayMs: 10 } });
    net.fail(client.transport, new KwikError('ERR_KWIK_PATH_DEAD', 'the interface went away'));
    clock.advanceBy(0);
    expect(client.closes).toEqual([expect.objectContaining({ by: 'error', reason: 'the interface went away' })]);
  });

  test('a new rate holds at once', () => {
    const world = connected({ both: { rateBitsPerSecond: 20e6, delayMs: 10 } });
    expect(rateOf(world, 2_000_000)).toBeGreaterThan(17e6);
    world.net.link(SERVER, { both: { rateBitsPerSecond: 2e6 } });
    expect(rateOf(world, 1_000_000)).toBeLessThan(2e6);
    expect(world.net.link(SERVER).stats().down.packetsOut).toBeGreaterThan(1000);
  });
});

describe('dialling', () => {
  async function dial(
    prepare: (net: MemoryNetwork) => void,
    options: Partial<MemoryDialOptions> = {},
  ): Promise<PathTransport> {
    const clock = new VirtualClock();
    const net = new MemoryNetwork({ clock, link: { both: { delayMs: 5 } } });
    prepare(net);
    const dialled = net.dial({ to: SERVER, ...options });
    dialled.catch(() => undefined);
    await clock.advanceByAsync(15_000);
    return dialled;
  }

  test('takes one round trip', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNetwork({ clock, link: { both: { delayMs: 5 } } });
    net.listen(SERVER, () => undefined);
    const times: number[] = [];
    void net.dial({ to: SERVER }).then(() => times.push(clock.now()));
    await clock.advanceByAsync(100);
    expect(times).toEqual([10]);
  });

  test('fails in time where nobody listens', async () => {
    await expect(dial(() => undefined)).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  });

  test('survives the loss of any single packet of the handshake', async () => {
    for (const direction of ['up', 'down'] as const) {
      const transport = await dial((net) => {
        net.listen(SERVER, () => undefined);
        net.link(SERVER).configure(direction, { burstLoss: { enterRate: 1, leaveRate: 1 } });
      });
      expect(transport.closed).toBe(false);
    }
  });

  test('is refused by a server that says no', async () => {
    const refused = dial((net) => net.listen(SERVER, () => undefined, { accepts: () => false }));
    await expect(refused).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECTION_REFUSED' });
  });

  test('can be aborted, before and meanwhile', async () => {
    await expect(dial(() => undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_KWIK_ABORTED',
    });
    const abort = new AbortController();
    const clock = new VirtualClock();
    const net = new MemoryNetwork({ clock });
    const dialled = net.dial({ to: SERVER, signal: abort.signal });
    abort.abort();
    await expect(dialled).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
    clock.runUntilIdle();
  });

  test('takes the link and the address that it is told', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNetwork({ clock });
    net.link('wifi', { both: { delayMs: 30 } });
    const { address } = net.listen('[::1]:0', () => undefined);
    const dialled = net.dial({ to: address, from: 'fe80::1', link: 'wifi' });
    await clock.advanceByAsync(60);
    const transport = await dialled;
    expect(transport.local).toMatchObject({ address: 'fe80::1', family: 'IPv6' });
    expect(net.link('wifi').stats().up.packetsIn).toBeGreaterThan(0);
  });

  test('addresses are checked, and one is listened on once', () => {
    const net = new MemoryNetwork({ clock: new VirtualClock() });
    const invalid = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    for (const address of ['nothing', 'host:', 'host:99999', ':1']) {
      expect(() => net.listen(address, () => undefined)).toThrow(invalid);
    }
    const listener = net.listen(SERVER, () => undefined);
    expect(() => net.listen(SERVER, () => undefined)).toThrow(invalid);
    listener.close();
    net.listen(SERVER, () => undefined);
  });
});

test('nothing is left when all is over', () => {
  const { clock, net, client, server } = connected({ both: { rateBitsPerSecond: 1e6, delayMs: 10 } });
  client.close(0, '');
  clock.runUntilIdle();
  expect([client.closes.length, server.closes.length]).toEqual([1, 1]);
  expect(net.link(SERVER).connections).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  DIAGNOSTIC_NAMES,
  type CounterRegistry,
  type DiagnosticName,
  type SessionReading,
  type Traffic,
} from '@kwik/wire';
import { contentServers } from './content-servers.js';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 62_500 } };

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

interface Told {
  readonly name: DiagnosticName;
  readonly event: Readonly<Record<string, unknown>>;
}

/** All that is published from now on. */
function listenToAll(): Told[] {
  const told: Told[] = [];
  for (const name of DIAGNOSTIC_NAMES) {
    const hear = (event: unknown): void => void told.push({ name, event: event as Told['event'] });
    subscribe(name, hear);
    endings.push(() => unsubscribe(name, hear));
  }
  return told;
}

function sessions(counters: CounterRegistry): SessionReading[] {
  return [...counters.sources()].flatMap((source) => (source.kind === 'session' ? [source.read()] : []));
}

const reading = async (stream: AsyncIterable<Uint8Array>): Promise<number> => {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
};

describe('what sessions tell over node:diagnostics_channel', () => {
  test('is who came, which path failed and how long it took, and how it ended', async () => {
    const told = listenToAll();
    const world = new SimulatedWorld(3);
    const content = pattern(3_000_000, 3);
    const { primary, peers } = contentServers(world, 2, LINK, content);
    const client = await world.dial(primary.address);
    const stream = client.openStream();
    await stream.write('get');
    world.clock.schedule(600, () => peers[0]!.link.cut());
    expect(await world.settle(reading(stream))).toBe(content.length);
    await world.settle(client.close());
    await world.pass(1000);

    const ofClient = told.filter(({ event }) => event['role'] === 'client');
    const names = ofClient.map(({ name }) => name);
    expect(names[0]).toBe('kwik:session:opened');
    expect(names.at(-1)).toBe('kwik:session:closed');
    const { traffic } = ofClient.at(-1)!.event as { traffic: Traffic };
    expect(traffic.receivedBytes).toBeGreaterThanOrEqual(content.length);
    const failover = ofClient.find(({ name }) => name === 'kwik:path:failover')!.event;
    expect(failover).toMatchObject({ sessionId: client.id, address: peers[0]!.address, cause: 'stalled' });
    expect(failover['reason']).toContain('stopped');
    // What can be no sooner than the pause that is a stall, and takes no more than a failover may.
    expect(failover['gapMs']).toBeGreaterThan(20);
    expect(failover['gapMs']).toBeLessThan(140);
    expect(ofClient.filter(({ name }) => name === 'kwik:content:finished')).toHaveLength(1);
    const changes = ofClient.flatMap(({ name, event }) => (name === 'kwik:path:changed' ? [event['state']] : []));
    expect(changes).toEqual(expect.arrayContaining(['active', 'suspected']));
    const handshakes = told.filter(({ name }) => name === 'kwik:handshake:finished');
    expect(handshakes.filter(({ event }) => event['result'] === 'ok').length).toBeGreaterThanOrEqual(2);
  });

  test('names the rule that a peer broke, once and at the end that saw it', async () => {
    const told = listenToAll();
    const world = new SimulatedWorld(5);
    const server = world.server('primary', LINK, {
      onSession: (session) => {
        void session.acceptStream().then(
          (stream) => stream.write('pong'),
          () => undefined,
        );
      },
    });
    const client = await world.dial(server.address);
    const { engine } = client as unknown as {
      engine: { paths: { values(): Iterable<{ onChunk(id: number, chunk: Uint8Array): void; onActivity(): void }> } };
    };
    const [path] = engine.paths.values();
    path!.onChunk(7, Uint8Array.from([4, 255, 255, 255, 255]));
    path!.onActivity();
    await world.pass(2000);
    const violations = told.filter(({ name }) => name === 'kwik:peer:violation');
    expect(violations.map(({ event }) => event['role'])).toEqual(['client']);
    expect(violations[0]!.event).toMatchObject({ address: server.address, server: 'primary' });
    expect(
      sessions(world.diagnostics.counters).find(({ role }) => role === 'client')?.counts['violations'],
    ).not.toEqual({});
  });
});

describe('counters', () => {
  test('are found while a session lives, and stay in the sums when it has ended', async () => {
    const world = new SimulatedWorld(1);
    const content = pattern(1_000_000, 1);
    const { primary, peers } = contentServers(world, 2, LINK, content);
    const { counters } = world.diagnostics;
    const client = await world.dial(primary.address);
    const stream = client.openStream();
    await stream.write('get');
    expect(await world.settle(reading(stream))).toBe(content.length);

    const own = sessions(counters).find(({ role }) => role === 'client')!;
    const received = own.paths.reduce((sum, path) => sum + path.receivedBytes, 0);
    expect(received).toBeGreaterThanOrEqual(content.length);
    expect(own.paths.map(({ server }) => server)).toEqual(
      [primary, peers[0]!].map(({ address }) => address.split(':')[0]),
    );
    expect(own.paths.every(({ rttMs, minRttMs }) => rttMs >= minRttMs && minRttMs >= 20)).toBe(true);
    const served = sessions(counters).find(({ role }) => role === 'primary')!;
    expect(served.counts['decisions']!['only-path']).toBeGreaterThan(0);

    await world.settle(client.close());
    await world.pass(5000);
    expect(counters.size).toBe(0);
    const { traffic, counts } = counters.departed;
    let kept = 0;
    for (const { receivedBytes } of traffic.client.byServer.values()) kept += receivedBytes;
    expect(kept).toBeGreaterThanOrEqual(received);
    expect(counts.families.get('contents')?.get('ok')).toBe(1);
    expect(counts.families.get('clientHandshakes')?.get('ok')).toBe(2);
    expect(counts.families.get('sessionsOpened')?.get('client')).toBe(1);
  });

  test('of a path that gets nothing say why, and so does PathInfo', async () => {
    const world = new SimulatedWorld(2);
    const server = world.server('primary', LINK);
    const client = await world.dial(server.address, { paths: { localAddresses: ['second'] } });
    await world.pass(1000);
    const [first, second] = client.getActivePaths();
    expect(first!.unused).toBeUndefined();
    expect(second!.unused).toContain('what this end writes goes over path 0');
    client.suspendPath(0);
    expect(client.getAllPaths().map(({ unused }) => unused)).toEqual(['it was set aside', undefined]);
    const own = sessions(world.diagnostics.counters).find(({ role }) => role === 'client')!;
    expect(own.paths[0]!.unused).toBe('it was set aside');
  });
});

import { describe, expect, test } from '@jest/globals';
import { resolveTransport, type ResolvedTransport, type TransportOptions } from '../connection/transport-options.js';
import { connectedPair, transfer, transferUntil } from '../test-support/peers.js';
import { backendSettings, RouteSizes } from './route-sizes.js';
import { PathMemory } from './path-memory.js';
import { SizeMemory } from './size-memory.js';

const LOCAL = { address: '192.0.2.9', port: 5, family: 'IPv4' } as const;

class Routes {
  nowMs = 1_000;
  readonly memory = new SizeMemory();
  readonly paths = new PathMemory();
  constructor(private readonly bytes: number | undefined) {}

  settings(
    side: 'client' | 'server',
    options: TransportOptions = {},
    address = '192.0.2.1',
    port = 1,
  ): ResolvedTransport {
    const socket = { address: LOCAL, routeDatagramBytes: () => this.bytes };
    const sizes = new RouteSizes(socket, { sizes: this.memory, paths: this.paths }, { now: () => this.nowMs });
    return sizes.settingsFor(resolveTransport(options), { address, port, family: 'IPv4' }, side);
  }
}

const LONG = { longDatagrams: true };

describe('without a size asked for', () => {
  test.each([
    ['Ethernet', 1472, 1472, 1472],
    ['an IPv6 tunnel', 1232, 1232, 1232],
    ['jumbo frames', 8972, 1472, 8972],
    ['loopback', 65_507, 1472, 16_000],
    ['an MTU too small for QUIC', 548, 1350, 1350],
    ['a system that does not tell', undefined, 1350, 1350],
  ])('%s: by the route', (_, bytes, expected, long) => {
    for (const side of ['client', 'server'] as const) {
      expect(new Routes(bytes).settings(side).datagramBytes).toBe(expected);
      expect(new Routes(bytes).settings(side, LONG).datagramBytes).toBe(long);
    }
  });

  test('long ones only where BBR and pacing moderate what begins with them', () => {
    const sizes = (options: TransportOptions): number =>
      new Routes(65_507).settings('client', { ...LONG, ...options }).datagramBytes;
    expect([sizes({ congestionControl: 'cubic' }), sizes({ pacing: false })]).toEqual([1472, 1472]);
  });

  test('a window of flow control holds several', () => {
    expect(new Routes(65_507).settings('client', { ...LONG, streamWindowBytes: 20_000 }).datagramBytes).toBe(5_000);
    expect(new Routes(65_507).settings('client', { connectionWindowBytes: 100 }).datagramBytes).toBe(1_200);
  });

  test('the backend has settings for two sizes, however many routes there are', () => {
    const backend = (bytes: number): number =>
      backendSettings(new Routes(bytes).settings('server', LONG)).datagramBytes;
    expect([1200, 1372, 1472, 1473, 8972, 65_507].map(backend)).toEqual([1472, 1472, 1472, 16_000, 16_000, 16_000]);
  });
});

test('a size that was asked for stays, whatever the route', () => {
  const settings = new Routes(65_507).settings('client', { datagramBytes: 1400 });
  expect(settings).toMatchObject({ datagramBytes: 1400, followsRoute: false });
  expect(backendSettings(settings).datagramBytes).toBe(1400);
});

describe('what a path was found to carry', () => {
  test('is known to the next connection to that peer, for ten minutes', () => {
    const routes = new Routes(1472);
    routes.settings('client').onSizeLimit?.(1200);
    expect(routes.settings('client')).toMatchObject({ datagramBytes: 1472, knownBytes: 1200 });
    expect(routes.settings('client', {}, '192.0.2.1', 2).knownBytes).toBeUndefined();
    routes.nowMs += 600_000;
    expect(routes.settings('client').knownBytes).toBeUndefined();
    expect(routes.memory.size).toBe(0);
  });

  test('at a server it is of the client, from whatever port; not of relays and tunnels of the same machine', () => {
    const routes = new Routes(1472);
    routes.settings('server').onSizeLimit?.(1400);
    expect(routes.settings('server', {}, '192.0.2.1', 77).knownBytes).toBe(1400);
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect(routes.settings('server', {}, address).onSizeLimit).toBeUndefined();
    }
  });

  test('of many peers the oldest are forgotten', () => {
    const memory = new SizeMemory();
    for (let peer = 0; peer < 3_000; peer += 1) memory.note(String(peer), 1200, 0);
    expect(memory.size).toBe(1_024);
    expect([memory.limitOf('1975', 1), memory.limitOf('1976', 1)]).toEqual([undefined, 1200]);
  });
});

describe('on loopback', () => {
  const BYTES = 2_000_000;

  test.each([
    ['127.0.0.1', {}, 1_472],
    ['127.0.0.1', LONG, 16_000],
    ['::1', {}, 1_472],
    ['::1', LONG, 16_000],
  ])('both ends find the largest datagrams by themselves: %s %j', async (host, transport, most) => {
    const options = { serverEndpoint: { host }, clientEndpoint: { host } };
    await using pair = await connectedPair({ ...options, transport, dial: { host } });
    const largest = pair.clientEndpoint.stats().io === 'batched' ? most : 1_350;
    // The machine may be too busy for more; then what Ethernet carries is enough.
    const enough = Math.min(largest, 1_452);
    const ends = [pair.client.transport, pair.accepted.transport];
    const smallest = (): number => Math.min(...ends.map((end) => end.stats().datagramBytes));
    await transferUntil(() => smallest() >= enough, pair.client, pair.accepted, BYTES);
    for (const end of ends) {
      expect(end.stats()).toMatchObject({ lostPackets: 0 });
      expect([largest, 1_472, 1_452]).toContain(end.stats().datagramBytes);
    }
  });

  test('one that was given a size keeps to it, whatever the other sends', async () => {
    await using pair = await connectedPair({ dial: { transport: { datagramBytes: 1200 } } });
    await transfer(pair.client, pair.accepted, BYTES);
    await transfer(pair.accepted, pair.client, BYTES);
    expect(pair.client.transport.stats().datagramBytes).toBe(1200);
  });
});

describe('careful resume', () => {
  const REMEMBERED = { pipeBytes: 250_000, rttMs: 40 };
  const CAREFUL = { carefulResume: true } as const;

  test('what a path carried is for the next connection to the peer: of its address alone at a server', () => {
    const routes = new Routes(1472);
    routes.settings('server', CAREFUL).onPathKnown!(REMEMBERED);
    expect(routes.settings('client', CAREFUL).resumed).toBeUndefined();
    expect(routes.settings('server', CAREFUL, '192.0.2.2').resumed).toBeUndefined();
    const next = routes.settings('server', CAREFUL, '192.0.2.1', 77);
    expect(next.resumed).toMatchObject(REMEMBERED);
    next.resumed!.onRetreat();
    routes.nowMs += 5_000;
    expect(routes.settings('server', CAREFUL).resumed).toBeUndefined();
  });

  test.each<[string, TransportOptions, 'client' | 'server', string]>([
    ['who does not ask for it', {}, 'client', '192.0.2.1'],
    ['another controller than BBR', { ...CAREFUL, congestionControl: 'cubic' }, 'client', '192.0.2.1'],
    ['who does not pace', { ...CAREFUL, pacing: false }, 'client', '192.0.2.1'],
    ['a server of addresses of its machine', CAREFUL, 'server', '127.0.0.1'],
  ])('is not for %s', (_, options, side, address) => {
    const routes = new Routes(1472);
    routes.paths.note(`192.0.2.9 ${address}${side === 'client' ? ' 1' : ''}`, REMEMBERED, 0);
    const { resumed, onPathKnown } = routes.settings(side, options, address);
    expect([resumed, onPathKnown]).toEqual([undefined, undefined]);
  });

  test('the backend has few first windows, the next smaller one each, and no more of what is remembered', () => {
    const windows = [79_999, 80_000, 250_000, 5_000_000].map((pipeBytes) => {
      const routes = new Routes(1472);
      routes.paths.note('192.0.2.9 192.0.2.1 1', { pipeBytes, rttMs: 40 }, 0);
      const settings = backendSettings(routes.settings('client', CAREFUL));
      expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
      return settings.firstWindowBytes;
    });
    expect(windows).toEqual([undefined, 80_000, 160_000, 640_000]);
  });
});

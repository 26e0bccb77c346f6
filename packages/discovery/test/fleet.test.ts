import { expect, test } from '@jest/globals';
import { SeededRandom, VirtualClock } from '@kwik/testbed';
import { KwikError, type ServerRecord } from '@kwik/wire';
import { HealthBook, makeRecord, selectServers, type Candidate, type SelectionPolicy } from '../src/index.js';
import { DEFAULT_POLICY } from '../src/core/selection/policy.js';

const ZONES = ['eu-1', 'eu-2', 'eu-3', 'eu-4'];
const SERVERS = 200;
const CLIENTS = 2000;
/** A server that takes a fifth of all there are is full. */
const CAPACITY = 40;
const HEAD_START_MS = 250;
const NOTICED_MS = 1500;
const LOADS_EVERY_MS = 5000;

/** Servers that count their clients, and say their load every five seconds: what clients know is always a little old. */
class Fleet {
  readonly records: ServerRecord[];
  readonly clients = new Map<string, number>();
  readonly dead = new Set<string>();

  constructor() {
    this.records = Array.from({ length: SERVERS }, (_, n) =>
      makeRecord({
        serverId: `s${n}`,
        addresses: [`s${n}.test:1`],
        region: 'eu',
        zone: ZONES[n % ZONES.length]!,
        load: 0,
      }),
    );
    for (const { serverId } of this.records) this.clients.set(serverId, 0);
  }

  announceLoads(): void {
    this.records.forEach((record, index) => {
      const load = Math.min(1, this.clients.get(record.serverId)! / CAPACITY);
      this.records[index] = { ...record, load };
    });
  }

  /** Clients of the servers that live: the most, and the mean. */
  spread(): { most: number; mean: number } {
    const counts = [...this.clients].filter(([id]) => !this.dead.has(id)).map(([, count]) => count);
    return { most: Math.max(...counts), mean: counts.reduce((sum, count) => sum + count, 0) / counts.length };
  }
}

class Client {
  server: string | undefined;
  connectedMs = 0;
  readonly #health: HealthBook;
  readonly #policy: SelectionPolicy;

  constructor(
    name: string,
    readonly zone: string,
    readonly fleet: Fleet,
    readonly clock: VirtualClock,
    readonly random: () => number,
  ) {
    this.#health = new HealthBook({ consecutiveFailures: 1 }, random);
    this.#policy = { ...DEFAULT_POLICY, owner: name, region: 'eu', zone };
    for (const { serverId } of fleet.records) this.#health.learn(serverId, clock.now());
  }

  /** As a dial does it: four servers, a quarter of a second apart, and the first that answers. */
  dial(): void {
    const now = this.clock.now();
    const candidates = this.fleet.records.map((record): Candidate => {
      const key = record.serverId;
      const ejected = this.#health.ejected(key, now);
      return { key, record, knownSinceMs: -1e9, rttMs: this.#health.rttMs(key), ejected, trust: 1, refused: undefined };
    });
    const { chosen } = selectServers(candidates, { count: 4, apart: true }, this.#policy, this.random, now);
    const at = chosen.findIndex(({ record }) => !this.fleet.dead.has(record.serverId));
    for (const { record } of chosen.slice(0, at < 0 ? chosen.length : at)) {
      this.#health.observe(record.serverId, { kind: 'failure', error: new KwikError('ERR_KWIK_TIMEOUT') }, now);
    }
    const server = chosen[at]?.record.serverId;
    if (server === undefined) {
      this.clock.schedule(chosen.length * HEAD_START_MS, () => this.dial());
      return;
    }
    this.server = server;
    this.connectedMs = now + at * HEAD_START_MS;
    this.fleet.clients.set(server, this.fleet.clients.get(server)! + 1);
    this.#health.observe(server, { kind: 'success', rttMs: this.zone === chosen[at]!.record.zone ? 2 : 10 }, now);
  }
}

test('200 servers, 2,000 clients: when a zone dies its clients are served elsewhere within 5 s, and no server is overrun', () => {
  const clock = new VirtualClock();
  const seeded = new SeededRandom(11);
  const random = () => seeded.float();
  const fleet = new Fleet();
  const clients = Array.from(
    { length: CLIENTS },
    (_, n) => new Client(`c${n}`, ZONES[n % ZONES.length]!, fleet, clock, random),
  );
  const announce = (): void => {
    fleet.announceLoads();
    clock.schedule(LOADS_EVERY_MS, announce);
  };
  announce();
  // They come within a minute.
  for (const client of clients) clock.schedule(random() * 60_000, () => client.dial());
  clock.advanceTo(70_000);
  const before = fleet.spread();
  expect(before.mean).toBe(10);
  expect(before.most).toBeLessThanOrEqual(20);
  expect(
    clients.every(({ server, zone }) => fleet.records.find(({ serverId }) => serverId === server)?.zone === zone),
  ).toBe(true);

  const diedMs = clock.now();
  for (const { serverId, zone } of fleet.records) if (zone === 'eu-1') fleet.dead.add(serverId);
  const lost = clients.filter(({ server }) => fleet.dead.has(server!));
  // All 500 notice about at once, and know the same loads of before.
  for (const client of lost) clock.schedule(NOTICED_MS + random() * 100, () => client.dial());
  clock.advanceTo(diedMs + 30_000);
  expect(lost).toHaveLength(500);
  const laterMs = lost.map(({ connectedMs }) => connectedMs - diedMs).sort((one, other) => one - other);
  expect(lost.every(({ server }) => !fleet.dead.has(server!))).toBe(true);
  expect(laterMs.at(-1)).toBeLessThan(5000);
  const after = fleet.spread();
  expect(after.mean).toBeCloseTo(CLIENTS / 150, 5);
  // A herd would put hundreds on one: each client would take the least loaded that it knows of.
  expect(after.most).toBeLessThanOrEqual(2 * after.mean);
});

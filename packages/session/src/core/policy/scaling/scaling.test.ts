import { describe, expect, test } from '@jest/globals';
import { CandidateList } from './candidates.js';
import { DemandForecast } from './demand-forecast.js';
import { HourlyTable, HourPeak } from './hourly-table.js';
import { MonthlySpending } from './monthly-spending.js';
import { monthOf } from './months.js';
import { ScalingEngine, type ScalingAction } from './scaling-engine.js';

const MB = 1e6;
const HOUR_MS = 3_600_000;
const EACH = 2.5 * MB;

/** A session whose paths carry 2.5 MB/s each; an added path is there after `joinMs`. */
class World {
  readonly engine: ScalingEngine;
  readonly log: { readonly atMs: number; readonly action: Exclude<ScalingAction, { kind: 'keep' }> }[] = [];
  now = 0;
  wallAheadMs = 0;
  anticipates = true;
  readonly #paths = new Map<number, { address: string; carriedBytes: number; rate: number }>([
    [0, { address: 'primary:1', carriedBytes: 0, rate: EACH }],
  ]);
  #next = 1;
  #due: { atMs: number; done(): void } | undefined;

  constructor(
    candidates: readonly { address: string; pricePerGb?: number; monthlyCapBytes?: number; metered?: boolean }[],
    readonly rates: Readonly<Record<string, number>> = {},
    readonly joinMs = 1000,
  ) {
    this.engine = new ScalingEngine({ candidates, maxPaths: 8, anticipates: () => this.anticipates });
  }

  get paths(): number {
    return this.#paths.size;
  }

  get addresses(): string[] {
    return [...this.#paths.values()].map(({ address }) => address);
  }

  run(seconds: number, demand: (second: number) => number): void {
    for (let second = 0; second < seconds; second++) this.#step(demand(second));
  }

  #step(demand: number): void {
    this.now += 1000;
    if (this.#due !== undefined && this.now >= this.#due.atMs) {
      const { done } = this.#due;
      this.#due = undefined;
      done();
    }
    const capacity = [...this.#paths.values()].reduce((sum, { rate }) => sum + rate, 0);
    const share = Math.min(1, demand / capacity);
    for (const path of this.#paths.values()) path.carriedBytes += share * path.rate;
    const paths = [...this.#paths].map(([id, { address, carriedBytes }]) => ({ id, address, carriedBytes }));
    const action = this.engine.tick(
      { paths, unmetBytesPerSecond: Math.max(0, demand - capacity) },
      this.now,
      this.now + this.wallAheadMs,
    );
    if (action.kind === 'keep') return;
    this.log.push({ atMs: this.now, action });
    this.#due = { atMs: this.now + this.joinMs, done: () => this.#do(action) };
  }

  #do(action: Exclude<ScalingAction, { kind: 'keep' }>): void {
    if (action.kind === 'remove') {
      this.#paths.delete(action.pathId);
      this.engine.removed(this.now);
      return;
    }
    const rate = this.rates[action.candidate.address] ?? EACH;
    if (rate < 0) {
      this.engine.failed(this.now);
      return;
    }
    this.#paths.set(this.#next, { address: action.candidate.address, carriedBytes: 0, rate });
    this.engine.added(this.#next++, this.now);
  }
}

const servers = (...names: string[]) => names.map((name) => ({ address: `${name}:1` }));

describe('scaling', () => {
  test('above 80 % an addition begins within 5 s, and is there within 10 (V2.2, V3.1)', () => {
    const world = new World(servers('a', 'b'));
    world.run(60, () => 0.7 * EACH);
    expect(world.log).toEqual([]);
    // Until it has been full once, nobody knows what the path can carry.
    world.run(1, () => 1.2 * EACH);
    world.run(400, () => 0.5 * EACH);
    const from = world.now;
    world.run(12, () => 0.95 * EACH * world.paths);
    const added = world.log.find(({ atMs }) => atMs > from);
    expect(added?.action).toMatchObject({ kind: 'add', reason: expect.stringContaining('of what') });
    expect(added!.atMs - from).toBeLessThanOrEqual(5000);
    expect(added!.atMs - from + world.joinMs).toBeLessThanOrEqual(10_000);
  });

  test('below 30 % for 60 s surplus paths go, one by one, and not below what was needed in the last 300 s (V3.2)', () => {
    const world = new World(servers('a', 'b', 'c'));
    world.run(120, () => 3.8 * EACH);
    expect(world.paths).toBe(4);
    const from = world.now;
    world.run(1200, () => 0.3 * EACH);
    const removals = world.log.filter(({ action }) => action.kind === 'remove');
    expect(removals.length).toBe(3);
    // What bursts needed in the last ten minutes counts as well, as the 95th percentile.
    expect(removals[0]!.atMs - from).toBeGreaterThan(300_000);
    for (let index = 1; index < removals.length; index++) {
      expect(removals[index]!.atMs - removals[index - 1]!.atMs).toBeGreaterThanOrEqual(30_000);
    }
    expect(removals[0]!.action.reason).toContain('below 30 % for 60 s');
    expect(world.paths).toBe(1);
  });

  test('a steady demand between the two changes nothing', () => {
    const world = new World(servers('a', 'b', 'c'));
    world.run(60, () => 2 * EACH);
    const before = world.log.length;
    world.run(1800, () => 0.55 * EACH * world.paths);
    expect(world.log.slice(before)).toEqual([]);
  });

  test('a failed addition is tried with other servers, soon, and with the same one after waits that double (V3.4)', () => {
    const world = new World(servers('a', 'b', 'c'), { 'a:1': -1, 'b:1': -1 });
    world.run(30, () => 2 * EACH);
    const tried = world.log.map(({ action }) => (action.kind === 'add' ? action.candidate.address : ''));
    expect(tried.slice(0, 3)).toEqual(['a:1', 'b:1', 'a:1']);
    expect(world.addresses).toContain('c:1');
    const gaps = world.log.slice(0, 4).map(({ atMs }, index, all) => (index === 0 ? 0 : atMs - all[index - 1]!.atMs));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(4000);
  });

  test('a path that brings nothing in its trial goes again, with the reason, and is left alone for ten minutes', () => {
    const world = new World(servers('a'), { 'a:1': 0.001 * EACH });
    world.run(120, () => 3 * EACH);
    expect(world.log.map(({ action }) => action.kind)).toEqual(['add', 'remove']);
    expect(world.log[1]!.action.reason).toContain('after 15 s it carries less than 2 % of all');
    world.run(400, () => 3 * EACH);
    expect(world.log).toHaveLength(2);
    world.run(200, () => 3 * EACH);
    expect(world.log.length).toBeGreaterThan(2);
  });

  test('demand is met at least cost: cheap servers first, metered ones last, and the dearest go first', () => {
    const world = new World([
      { address: 'dear:1', pricePerGb: 0.09 },
      { address: 'metered:1', metered: true },
      { address: 'cheap:1', pricePerGb: 0.01 },
    ]);
    world.run(100, () => 4 * EACH);
    expect(world.addresses).toEqual(['primary:1', 'cheap:1', 'dear:1', 'metered:1']);
    expect(world.engine.figures.spent).toBeGreaterThan(0);
    world.run(1100, () => 0.1 * EACH);
    const order = world.log.flatMap(({ action }) => (action.kind === 'remove' ? [action.pathId] : []));
    expect(order).toEqual([3, 2, 1]);
  });

  test('a server whose bytes of the month are used up goes, and comes back with the next month', () => {
    const list = new CandidateList([{ address: 'a:1', monthlyCapBytes: 1000, pricePerGb: 1 }]);
    expect(list.take(0)?.address).toBe('a:1');
    list.charge('a:1', 1000, 24_000);
    expect([list.isSpent('a:1'), list.spent]).toEqual([true, 1e-6]);
    list.released('a:1', 0, false);
    expect(list.take(0)).toBeUndefined();
    // Nothing more comes from it, so that nothing is charged: the month alone brings it back.
    list.at(24_001);
    expect([list.isSpent('a:1'), list.spent]).toEqual([false, 0]);
    expect(list.take(0)?.address).toBe('a:1');
    const world = new World([{ address: 'a:1', monthlyCapBytes: 20 * MB }]);
    world.run(60, () => 2 * EACH);
    expect(world.log.at(-1)!.action).toMatchObject({ kind: 'remove', reason: 'a:1 has sent what it may in a month' });
    expect(world.paths).toBe(1);
    world.wallAheadMs = 32 * 24 * HOUR_MS;
    const decided = world.log.length;
    world.run(60, () => 2 * EACH);
    expect(world.log.slice(decided).map(({ action: { kind } }) => kind)).toEqual(['add', 'remove']);
  });
});

describe('what was spent this month', () => {
  const DAY_MS = 24 * HOUR_MS;
  const november = monthOf(Date.UTC(2026, 10, 30));

  test('outlives the process: caps go on from what was told last, in the same month alone', () => {
    const before = new MonthlySpending();
    before.charge('a:1', 700, november);
    before.charge('b:1', 5, november);
    const kept = before.news(0, true);
    expect(kept).toEqual({ month: '2026-11', bytes: { 'a:1': 700, 'b:1': 5 } });
    const after = new CandidateList([{ address: 'a:1', monthlyCapBytes: 1000 }], new MonthlySpending(kept));
    after.charge('a:1', 299, november);
    expect(after.isSpent('a:1')).toBe(false);
    after.charge('a:1', 1, november);
    expect(after.isSpent('a:1')).toBe(true);
    const later = new MonthlySpending(kept);
    later.at(monthOf(Date.UTC(2026, 10, 30) + DAY_MS));
    expect(later.bytesOf('a:1')).toBe(0);
    later.charge('a:1', 1, november + 1);
    expect(later.news(0, true)).toEqual({ month: '2026-12', bytes: { 'a:1': 1 } });
  });

  test('of another month holds up no path that somebody asks for before anything was measured', () => {
    const [november, december] = ['2026-11', '2026-12'].map((month) => Date.parse(`${month}-15`));
    const candidates = [{ address: 'a:1', monthlyCapBytes: 1000 }];
    const spending = new MonthlySpending({ month: '2026-11', bytes: { 'a:1': 1000 } });
    const asked = (wallMs: number) =>
      new ScalingEngine({ candidates, maxPaths: 4, spending }).ask(1, 'a film begins', [], 0, wallMs).kind;
    expect([asked(november!), asked(december!)]).toEqual(['keep', 'add']);
  });

  test('is told when it has changed, every ten seconds at the most, and at once when it is asked for', () => {
    const spending = new MonthlySpending();
    const told: number[] = [];
    for (let now = 0; now <= 30_000; now += 1000) {
      if (now < 15_000) spending.charge('a:1', 1, november);
      if (spending.news(now, false) !== undefined) told.push(now);
    }
    expect(told).toEqual([0, 10_000, 20_000]);
    expect(spending.news(31_000, true)).toBeUndefined();
    spending.charge('a:1', 1, november);
    expect(spending.news(31_000, true)).toEqual({ month: '2026-11', bytes: { 'a:1': 16 } });
  });

  test('is remembered of 1,024 servers, and of a month that is one', () => {
    const bytes = Object.fromEntries(Array.from({ length: 3000 }, (_, server) => [`${server}:1`, 1]));
    const spending = new MonthlySpending({ month: '2026-11', bytes });
    expect(['1975:1', '1976:1', '2999:1'].map((address) => spending.bytesOf(address))).toEqual([0, 1, 1]);
    expect(() => new MonthlySpending({ month: '2026-13', bytes: {} })).toThrow("'2026-13' is no month such as 2026-11");
  });
});

describe('the servers that may be taken on', () => {
  test('change as discovery says: what was learned of them is kept, and one in use stays known until it is given back', () => {
    const list = new CandidateList([{ address: 'a:1' }, { address: 'b:1', pricePerGb: 1 }]);
    list.take(0);
    list.failed('a:1', 0);
    expect(list.take(1)?.address).toBe('b:1');
    list.offer([{ address: 'c:1', pricePerGb: 9 }, { address: 'a:1' }]);
    expect(list.take(1)?.address).toBe('c:1');
    list.released('c:1', 1, false);
    list.charge('b:1', 1e9, 0);
    expect([list.take(2001)?.address, list.spent]).toEqual(['a:1', 1]);
  });

  test('are not taken while the session has a path to them anyway', () => {
    const list = new CandidateList([{ address: 'a:1' }]);
    expect(list.take(0, ['a:1'])).toBeUndefined();
    expect(list.take(0)?.address).toBe('a:1');
  });

  test('share their caps of the month among all sessions', () => {
    const spending = new MonthlySpending();
    const capped = [{ address: 'a:1', monthlyCapBytes: 1000 }];
    const lists = [new CandidateList(capped, spending), new CandidateList(capped, spending)];
    lists[0]!.charge('a:1', 600, 0);
    lists[1]!.charge('a:1', 600, 0);
    expect(lists.map((list) => list.isSpent('a:1'))).toEqual([true, true]);
  });
});

describe('what demand is to be expected (V3.3)', () => {
  test('a ramp is seen ahead of time, and a fall never takes away', () => {
    const forecast = new DemandForecast();
    let last = forecast.observe(0, 0);
    for (let second = 1; second <= 30; second++) last = forecast.observe(second * MB, second * 1000);
    expect(last.by).toBe('trend');
    expect(last.bytesPerSecond).toBeGreaterThan(36 * MB);
    for (let second = 0; second < 30; second++) {
      const demand = (30 - second) * MB;
      expect(forecast.observe(demand, 31_000 + second * 1000).bytesPerSecond).toBeGreaterThanOrEqual(demand);
    }
  });

  test('bursts of the last ten minutes are remembered as their 95th percentile', () => {
    const forecast = new DemandForecast();
    let last = forecast.observe(0, 0);
    for (let second = 0; second < 600; second++)
      last = forecast.observe(second % 10 === 0 ? 9 * MB : MB, second * 1000);
    expect(last).toEqual({ bytesPerSecond: 9 * MB, by: 'percentile' });
  });

  test('what is only expected adds nothing while the server is short of something', () => {
    const added = (anticipates: boolean): number => {
      const world = new World([{ address: 'a:1' }, { address: 'b:1' }]);
      // What a path can carry is known, and in a minute as much is wanted again.
      world.run(3, () => 1.05 * EACH);
      const before = world.log.length;
      world.anticipates = anticipates;
      world.run(20, (second) => (0.3 + 0.02 * second) * EACH);
      world.run(60, (second) => 0.7 * EACH + 0.25 * EACH * (second % 15 === 0 ? 1 : 0));
      return world.log.slice(before).filter(({ action }) => action.kind === 'add').length;
    };
    expect([added(true), added(false)]).toEqual([1, 0]);
  });

  test('an hour that was busy on two days before is prepared for a minute ahead, on the third', () => {
    const table = new HourlyTable();
    const session = new HourPeak(table);
    for (let hour = 0; hour < 68; hour++) {
      for (let minute = 0; minute < 60; minute++) {
        session.observe(hour % 24 === 20 ? 8 * MB : MB, hour * HOUR_MS + minute * 60_000);
      }
      if (hour < 45) expect(table.median(20 * HOUR_MS)).toBeUndefined();
    }
    expect(table.median(68 * HOUR_MS)).toBe(8 * MB);
    expect(table.median(67 * HOUR_MS)).toBe(MB);
  });

  test('and demand is what that hour needed, a minute before it begins, though it is quiet now', () => {
    const forecast = new DemandForecast();
    const at = (hour: number, minute: number) =>
      forecast.observe(hour % 24 === 20 ? 8 * MB : MB, hour * HOUR_MS + minute * 60_000);
    for (let hour = 0; hour < 68; hour++) for (let minute = 0; minute < 60; minute += 10) at(hour, minute);
    expect(at(67, 58)).toEqual({ bytesPerSecond: MB, by: 'now' });
    expect(at(67, 59)).toEqual({ bytesPerSecond: 8 * MB, by: 'hour' });
  });

  test('a model may add, within bounds, and whatever it says breaks nothing', () => {
    for (const [said, expected] of [
      [1.5 * MB, 1.5 * MB],
      [100 * MB, 2 * MB],
      [-5, MB],
      [Number.NaN, MB],
    ] as const) {
      const forecast = new DemandForecast({ predict: () => said });
      expect(forecast.observe(MB, 0).bytesPerSecond).toBe(expected);
    }
  });
});

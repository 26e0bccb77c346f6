import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { DemandHistory } from '../../api/scaling.js';
import { DemandForecast } from '../../core/policy/scaling/demand-forecast.js';
import type { KnownHour } from '../../core/policy/scaling/hourly-table.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { ScalingMemory } from './scaling-memory.js';

const MB = 1e6;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** What a program writes down: text, as in a file. */
class Kept implements DemandHistory {
  saved = 0;

  constructor(public text?: string) {}

  load(): unknown {
    return this.text === undefined ? undefined : JSON.parse(this.text);
  }

  save(hours: readonly KnownHour[]): unknown {
    this.saved++;
    this.text = JSON.stringify(hours);
    return undefined;
  }
}

function broken(): never {
  throw new Error('no space');
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

async function recalled(...given: ConstructorParameters<typeof ScalingMemory>): Promise<ScalingMemory> {
  const memory = new ScalingMemory(...given);
  await memory.ready;
  return memory;
}

/** `hour` 20 of each day is busy. A session of these hours, with what is known before. */
function session(memory: ScalingMemory, from: number, to: number, busy = 8 * MB) {
  const forecast = new DemandForecast(undefined, memory.hours);
  for (let minute = from * 60; minute < to * 60; minute++) {
    forecast.observe(Math.floor(minute / 60) % 24 === 20 ? busy : MB, minute * MINUTE_MS);
  }
  forecast.end();
}

describe('the demand of former days', () => {
  test('is known to all sessions of a listener, after a restart too: the third day is prepared for', async () => {
    const callbacks = new UserCallbacks();
    const kept = new Kept();
    const first = await recalled({ history: kept }, callbacks, 0);
    // One session each day, and none of them saw both.
    session(first, 19, 22);
    session(first, 24 + 19, 24 + 22);
    first.save(0);
    const second = await recalled({ history: new Kept(kept.text) }, callbacks, 2 * 24 * HOUR_MS);
    for (const { hours } of [first, second]) {
      const forecast = new DemandForecast(undefined, hours);
      expect(forecast.observe(MB, (48 + 20) * HOUR_MS - 2 * MINUTE_MS)).toMatchObject({ by: 'now' });
      expect(forecast.observe(MB, (48 + 20) * HOUR_MS - MINUTE_MS)).toEqual({ bytesPerSecond: 8 * MB, by: 'hour' });
    }
    expect(callbacks.errors).toEqual({});
  });

  test('is what a session needs on the average, not what the greediest one did', () => {
    const memory = new ScalingMemory({}, new UserCallbacks(), 0);
    for (const day of [0, 24]) for (const busy of [2 * MB, 3 * MB, 10 * MB]) session(memory, day + 20, day + 21, busy);
    expect(memory.hours.median(68 * HOUR_MS)).toBe(5 * MB);
  });

  test('is saved when something is new, once a minute at the most, and at once in the end', async () => {
    const kept = new Kept();
    const memory = await recalled({ history: kept }, new UserCallbacks(), 0);
    memory.save(0);
    expect(kept.saved).toBe(0);
    session(memory, 0, 2);
    memory.save(59_999);
    expect(kept.saved).toBe(0);
    memory.save(60_000);
    session(memory, 2, 3);
    memory.save(70_000);
    expect(kept.saved).toBe(1);
    memory.save(70_000, true);
    memory.save(70_000, true);
    expect(kept.saved).toBe(2);
  });

  test('has two weeks at the most, and hours of other times are left out', async () => {
    const kept = new Kept();
    const memory = await recalled({ history: kept }, new UserCallbacks(), 0);
    session(memory, 0, 30 * 24);
    memory.save(0, true);
    const hours = JSON.parse(kept.text!) as KnownHour[];
    expect([hours.length, hours[0]!.hour]).toEqual([14 * 24, 16 * 24]);
    const later = await recalled({ history: kept }, new UserCallbacks(), 40 * 24 * HOUR_MS);
    expect(later.hours.hours[0]!.hour).toBe(26 * 24);
    const earlier = await recalled({ history: kept }, new UserCallbacks(), 20 * 24 * HOUR_MS);
    expect(earlier.hours.hours.at(-1)!.hour).toBe(20 * 24);
  });

  const hour = { hour: 20, bytesPerSecond: 1, sessions: 1 };
  test.each<[string, unknown, string]>([
    ['no list', { hour }, 'expected array, received object'],
    ['nothing that there is', null, 'expected array, received null'],
    ['a list that is too long', Array<unknown>(337).fill(null), 'Too big: expected array to have <=336 items'],
    ['a list with something else in it', [hour, null], 'in [1]: Invalid input: expected object, received null'],
    ['an hour that is none', [{ ...hour, hour: 0.5 }], 'in [0].hour: Invalid input: expected int'],
    ['an hour that nobody can count', [{ ...hour, hour: 1e300 }], 'in [0].hour: '],
    ['demand below 0', [hour, { ...hour, bytesPerSecond: -1 }], 'in [1].bytesPerSecond: Too small'],
    ['demand beyond all bounds', [{ ...hour, bytesPerSecond: 1e13 }], 'in [0].bytesPerSecond: Too big'],
    ['demand that is no number', [{ ...hour, bytesPerSecond: '1' }], 'expected number, received string'],
    ['demand that is not even a number', [{ ...hour, bytesPerSecond: NaN }], 'expected number, received NaN'],
    ['nobody', [{ ...hour, sessions: 0 }], 'in [0].sessions: Too small: expected number to be >=1'],
    ['half a session', [{ ...hour, sessions: 1.5 }], 'in [0].sessions: Invalid input: expected int'],
  ])(
    'is not taken from %s, which is told with the reason, and the server goes on without',
    async (_name, given, why) => {
      const warnings: string[] = [];
      const callbacks = new UserCallbacks((text) => void warnings.push(text));
      const memory = await recalled({ history: { load: () => given, save: () => undefined } }, callbacks, 30 * HOUR_MS);
      expect(memory.hours.hours).toEqual([]);
      expect(callbacks.errors).toEqual({ 'scaling.history': 1 });
      expect(warnings).toEqual([expect.stringContaining(why)]);
      expect(warnings[0]).toMatch(/the history of demand cannot be used/u);
    },
  );

  test('that comes late is taken when it comes, and that never comes by a promise that fails is told', async () => {
    const callbacks = new UserCallbacks();
    const save = (): void => undefined;
    const late = await recalled({ history: { load: () => Promise.resolve([hour]), save } }, callbacks, 30 * HOUR_MS);
    expect(late.hours.hours).toEqual([hour]);
    const load = () => Promise.reject(new Error('no disk'));
    const none = await recalled({ history: { load, save } }, callbacks, 30 * HOUR_MS);
    expect(none.hours.hours).toEqual([]);
    expect(callbacks.errors).toEqual({ 'scaling.history': 1 });
  });

  test('that does not come holds up nobody for ever; until it does nothing replaces it, and nothing is lost', async () => {
    const [callbacks, clock, saved] = [new UserCallbacks(() => undefined), new VirtualClock(), [] as unknown[]];
    let come: (kept: unknown) => void = () => undefined;
    const load = () => new Promise((resolve) => (come = resolve));
    const history = { load, save: (hours: unknown) => void saved.push(hours) };
    const memory = new ScalingMemory({ history }, callbacks, 30 * HOUR_MS);
    let isReady = false;
    void memory.readyInTime(clock).then(() => (isReady = true));
    clock.advanceBy(9999);
    await settle();
    expect([isReady, callbacks.errors]).toEqual([false, {}]);
    clock.advanceBy(1);
    await settle();
    expect([isReady, callbacks.errors]).toEqual([true, { 'scaling.history': 1 }]);
    session(memory, 30, 31);
    memory.save(0, true);
    expect(saved).toEqual([]);
    come([hour, { hour: 30, bytesPerSecond: 4 * MB, sessions: 2 }]);
    await memory.ready;
    const both = [hour, { hour: 30, bytesPerSecond: 3 * MB, sessions: 3 }];
    expect(memory.hours.hours).toEqual(both);
    expect(callbacks.errors).toEqual({ 'scaling.history': 1 });
    // What was learned meanwhile is news, though nothing has been learned since.
    memory.save(0, true);
    expect(saved).toEqual([both]);
  });

  test('that cannot be had after all has what was learned while it was awaited', async () => {
    let fail: (why: Error) => void = () => undefined;
    const kept = new Kept();
    const load = () => new Promise((_resolve, reject) => (fail = reject));
    const history = { load, save: (hours: readonly KnownHour[]) => kept.save(hours) };
    const memory = new ScalingMemory({ history }, new UserCallbacks(() => undefined), 30 * HOUR_MS);
    session(memory, 30, 31);
    fail(new Error('no disk'));
    await memory.ready;
    memory.save(0, true);
    expect(JSON.parse(kept.text!)).toEqual([{ hour: 30, bytesPerSecond: MB, sessions: 1 }]);
  });

  test('is whole at its first look where it comes in time, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const history = { load: () => Promise.resolve([hour]), save: () => undefined };
    const memory = new ScalingMemory({ history }, new UserCallbacks(), 30 * HOUR_MS);
    await memory.readyInTime(clock);
    expect([memory.hours.hours, clock.pendingTimers]).toEqual([[hour], 0]);
  });

  test.each<[string, () => unknown]>([
    ['throws', broken],
    ['rejects', () => Promise.reject(new Error('no space'))],
  ])('that could not be saved, for save that %s, is saved again though nothing is new', async (_name, fail) => {
    const kept = new Kept();
    const saved = kept.save.bind(kept);
    let fails = true;
    kept.save = (hours) => (fails ? fail() : saved(hours));
    const memory = await recalled({ history: kept }, new UserCallbacks(), 0);
    session(memory, 0, 2);
    memory.save(0);
    await settle();
    fails = false;
    memory.save(60_000);
    expect(JSON.parse(kept.text!)).toHaveLength(2);
  });

  test('of a clock that was far ahead for two weeks, and is put back, does not keep what is learned from then on out', () => {
    const memory = new ScalingMemory({}, new UserCallbacks(), 0);
    session(memory, 365 * 24, 380 * 24);
    session(memory, 20, 21);
    session(memory, 24 + 20, 24 + 21);
    expect(memory.hours.median(68 * HOUR_MS)).toBe(8 * MB);
    expect(memory.hours.hours).toHaveLength(14 * 24);
  });

  test('that cannot be read or written costs nothing else', async () => {
    const callbacks = new UserCallbacks();
    const memory = await recalled({ history: { load: broken, save: broken } }, callbacks, 0);
    session(memory, 0, 2);
    memory.save(0);
    await settle();
    expect(callbacks.errors).toEqual({ 'scaling.history': 2 });
  });
});

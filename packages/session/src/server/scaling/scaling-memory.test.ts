import { describe, expect, test } from '@jest/globals';
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

  save(hours: readonly KnownHour[]): void {
    this.saved++;
    this.text = JSON.stringify(hours);
  }
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
  test('is known to all sessions of a listener, after a restart too: the third day is prepared for', () => {
    const callbacks = new UserCallbacks();
    const kept = new Kept();
    const first = new ScalingMemory({ history: kept }, callbacks, 0);
    // One session each day, and none of them saw both.
    session(first, 19, 22);
    session(first, 24 + 19, 24 + 22);
    first.save(0);
    const second = new ScalingMemory({ history: new Kept(kept.text) }, callbacks, 2 * 24 * HOUR_MS);
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

  test('is saved when something is new, once a minute at the most, and at once in the end', () => {
    const kept = new Kept();
    const memory = new ScalingMemory({ history: kept }, new UserCallbacks(), 0);
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

  test('has two weeks at the most, and hours of other times are left out', () => {
    const kept = new Kept();
    const memory = new ScalingMemory({ history: kept }, new UserCallbacks(), 0);
    session(memory, 0, 30 * 24);
    memory.save(0, true);
    const hours = JSON.parse(kept.text!) as KnownHour[];
    expect([hours.length, hours[0]!.hour]).toEqual([14 * 24, 16 * 24]);
    const later = new ScalingMemory({ history: kept }, new UserCallbacks(), 40 * 24 * HOUR_MS);
    expect(later.hours.hours[0]!.hour).toBe(26 * 24);
    const earlier = new ScalingMemory({ history: kept }, new UserCallbacks(), 20 * 24 * HOUR_MS);
    expect(earlier.hours.hours.at(-1)!.hour).toBe(20 * 24);
  });

  const hour = { hour: 20, bytesPerSecond: 1, sessions: 1 };
  test.each<[string, unknown]>([
    ['no list', { hour }],
    ['a list that is too long', Array<unknown>(337).fill(hour)],
    ['a list with something else in it', [hour, null]],
    ['an hour that is none', [{ ...hour, hour: 0.5 }]],
    ['demand below 0', [{ ...hour, bytesPerSecond: -1 }]],
    ['demand beyond all bounds', [{ ...hour, bytesPerSecond: 1e13 }]],
    ['demand that is no number', [{ ...hour, bytesPerSecond: '1' }]],
    ['nobody', [{ ...hour, sessions: 0 }]],
  ])('is not taken from %s, which is told, and the server goes on without', (_name, given) => {
    const callbacks = new UserCallbacks();
    const memory = new ScalingMemory(
      { history: { load: () => given, save: () => undefined } },
      callbacks,
      30 * HOUR_MS,
    );
    expect(memory.hours.hours).toEqual([]);
    expect(callbacks.errors).toEqual({ 'scaling.history': 1 });
  });

  test('that cannot be read or written costs nothing else', () => {
    const callbacks = new UserCallbacks();
    const broken = (): never => {
      throw new Error('no space');
    };
    const memory = new ScalingMemory({ history: { load: broken, save: broken } }, callbacks, 0);
    session(memory, 0, 2);
    memory.save(0);
    expect(callbacks.errors).toEqual({ 'scaling.history': 2 });
  });
});

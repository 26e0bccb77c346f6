import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RETRY_BUDGET, RetryBudget } from './retry-budget.js';

const SMALL = { perFirst: 0.1, perSecond: 2, most: 3 };

describe('a budget of retries', () => {
  test('lets a lone client go on trying, at the floor, when all that was saved is spent', () => {
    const budget = new RetryBudget(SMALL);
    const made: number[] = [];
    for (let now = 0; now <= 2000; now += 10) {
      if (budget.waitMs(now) > 0) continue;
      budget.take(now);
      made.push(now);
    }
    expect(made).toEqual([0, 10, 20, 500, 1000, 1500, 2000]);
  });

  test('says how long the next retry has to wait, and it may be made then', () => {
    const budget = new RetryBudget(SMALL);
    for (let retry = 0; retry < 3; retry++) budget.take(0);
    expect(budget.waitMs(0)).toBe(500);
    expect(budget.waitMs(300)).toBe(200);
    expect(budget.waitMs(500)).toBe(0);
  });

  test('ten first attempts allow one retry', () => {
    const budget = new RetryBudget({ ...SMALL, perSecond: 0.001 });
    for (let retry = 0; retry < 3; retry++) budget.take(0);
    for (let first = 0; first < 9; first++) budget.first(0);
    expect(budget.waitMs(0)).toBeGreaterThan(0);
    budget.first(0);
    budget.first(0);
    expect(budget.waitMs(0)).toBe(0);
  });

  test('a clock that goes back adds nothing', () => {
    const budget = new RetryBudget(SMALL);
    for (let retry = 0; retry < 3; retry++) budget.take(10_000);
    expect(budget.waitMs(0)).toBe(500);
    expect(budget.waitMs(10_000)).toBe(500);
  });

  test('over any time: a tenth of the first attempts, the floor, and what was saved; and no more', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.boolean()), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(steps, (wanted) => {
        const budget = new RetryBudget();
        const events: { atMs: number; first: boolean }[] = [];
        let now = 0;
        for (const [passesMs, first] of wanted) {
          now += passesMs / 20;
          if (first) budget.first(now);
          else if (budget.waitMs(now) === 0) budget.take(now);
          else continue;
          events.push({ atMs: now, first });
        }
        for (let from = 0; from < events.length; from++) {
          let firsts = 0;
          let retries = 0;
          for (let to = from; to < events.length; to++) {
            if (events[to]!.first) firsts += 1;
            else retries += 1;
            const seconds = (events[to]!.atMs - events[from]!.atMs) / 1000;
            const { perFirst, perSecond, most } = RETRY_BUDGET;
            expect(retries).toBeLessThanOrEqual(most + perFirst * firsts + perSecond * seconds + 1e-6);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

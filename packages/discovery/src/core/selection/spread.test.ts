import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import { PeakEwma } from './peak-ewma.js';
import { twoChoices } from './two-choices.js';

describe('the power of two choices', () => {
  test('spreads 20,000 picks over 100 servers nearly evenly, where one choice does not', () => {
    const random = new SeededRandom(3);
    const most = (choose: (loads: number[]) => number): number => {
      const loads = new Array<number>(100).fill(0);
      for (let pick = 0; pick < 20_000; pick++) loads[choose(loads)]!++;
      return Math.max(...loads);
    };
    const servers = Array.from({ length: 100 }, (_, n) => n);
    const two = most(
      (loads) =>
        twoChoices(
          servers,
          1,
          (n) => loads[n]!,
          () => random.float(),
        )[0]!.item,
    );
    const one = most(() => Math.floor(random.float() * 100));
    expect(two).toBeLessThanOrEqual(204);
    expect(one).toBeGreaterThan(220);
  });

  test('never gives the same twice, nor more than there are', () => {
    const picks = twoChoices(
      [1, 2, 3],
      9,
      (n) => n,
      () => 0.999999,
    );
    expect(picks.map(({ item }) => item).sort()).toEqual([1, 2, 3]);
    expect(
      twoChoices(
        [],
        3,
        () => 0,
        () => 0,
      ),
    ).toEqual([]);
  });
});

describe('Peak-EWMA', () => {
  test('a worse sample counts at once, a better one little by little', () => {
    const ewma = new PeakEwma();
    expect(ewma.valueMs).toBeUndefined();
    ewma.sample(20, 0);
    ewma.sample(200, 1000);
    expect(ewma.valueMs).toBe(200);
    ewma.sample(20, 2000);
    expect(ewma.valueMs).toBeGreaterThan(180);
    ewma.sample(20, 60_000);
    expect(ewma.valueMs).toBeCloseTo(20, 0);
    for (const nonsense of [Number.NaN, -1, Infinity]) ewma.sample(nonsense, 61_000);
    expect(ewma.valueMs).toBeCloseTo(20, 0);
  });
});

import { describe, expect, test } from '@jest/globals';

import { SeededRandom } from './seeded-random.js';

describe('SeededRandom', () => {
  test('gives the same numbers for the same seed, others for another', () => {
    const draw = (seed: number): number[] =>
      Array.from(
        { length: 50 },
        (
          (random) => () =>
            random.uint32()
        )(new SeededRandom(seed)),
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 40)).not.toEqual(draw(0));
  });

  test('keeps its first numbers for ever, so that committed seeds stay what they were', () => {
    const random = new SeededRandom(1);
    expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
      [
        2931713324,
        1629012529,
        2032593409,
      ]
    `);
  });

  test('is uniform: every byte value of 256,000 comes up within 5 deviations of 1,000', () => {
    const seen = new Uint32Array(256);
    for (const byte of new SeededRandom(3).bytes(256_000)) seen[byte] = (seen[byte] ?? 0) + 1;
    expect(Math.max(...seen)).toBeLessThan(1000 + 5 * Math.sqrt(1000));
    expect(Math.min(...seen)).toBeGreaterThan(1000 - 5 * Math.sqrt(1000));
  });

  test('hits its chances, limits and the normal distribution', () => {
    const random = new SeededRandom(4);
    const dice: boolean[] = [];
    let hits = 0;
    let sum = 0;
    let squares = 0;
    const rounds = 100_000;
    for (let i = 0; i < rounds; i++) {
      if (random.chance(0.03)) hits++;
      const value = random.normal();
      sum += value;
      squares += value * value;
      dice[random.below(6)] = true;
    }
    expect(dice).toEqual(Array.from({ length: 6 }, () => true));
    expect(hits / rounds).toBeCloseTo(0.03, 2);
    expect(sum / rounds).toBeCloseTo(0, 1);
    expect(squares / rounds).toBeCloseTo(1, 1);
  });

  test('forks depend on seed and label, not on what was drawn before', () => {
    const early = new SeededRandom(5).fork('loss').uint32();
    const parent = new SeededRandom(5);
    parent.bytes(100);
    expect(parent.fork('loss').uint32()).toBe(early);
    expect(parent.fork('delay').uint32()).not.toBe(early);
    expect(new SeededRandom(6).fork('loss').uint32()).not.toBe(early);
  });
});

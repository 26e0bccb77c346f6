import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Backoff } from './backoff.js';

describe('Backoff', () => {
  test('doubles up to the maximum, then ends; reset begins anew', () => {
    const backoff = new Backoff(() => 0.5, { baseMs: 100, maxMs: 450, maxTries: 4 });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([
      50,
      100,
      200,
      225,
      undefined,
    ]);
    expect(backoff.tries).toBe(4);
    backoff.reset();
    expect([backoff.tries, backoff.next()]).toEqual([0, 50]);
  });

  test('every wait lies between nothing and its ceiling, and there are only so many', () => {
    const randoms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
      minLength: 1,
      maxLength: 9,
    });
    const limits = fc.record({
      baseMs: fc.integer({ min: 1, max: 5000 }),
      maxTries: fc.integer({ min: 0, max: 2000 }),
    });
    fc.assert(
      fc.property(randoms, limits, (values, { baseMs, maxTries }) => {
        let calls = 0;
        const backoff = new Backoff(() => values[calls++ % values.length] as number, {
          baseMs,
          maxMs: 30_000,
          maxTries,
        });
        const waits: number[] = [];
        for (let wait = backoff.next(); wait !== undefined; wait = backoff.next()) waits.push(wait);
        expect(waits.length).toBe(maxTries);
        expect(waits.every((wait, i) => 0 <= wait && wait <= Math.min(30_000, baseMs * 2 ** i))).toBe(true);
      }),
    );
  });

  test('refuses what cannot be waited', () => {
    expect(() => new Backoff(() => 0.5, { baseMs: 0 })).toThrow();
    expect(() => new Backoff(() => 0.5, { baseMs: 100, maxMs: 50 })).toThrow();
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Allowance } from './allowance.js';

describe('what is forwarded for a client', () => {
  test('ends with its bytes, and it is told once, at four fifths of them', () => {
    let told = 0;
    const allowance = new Allowance({ bytes: 1000, bytesPerSecond: 1e9 }, 0, () => (told += 1));
    const verdicts = Array.from({ length: 12 }, () => [allowance.take(100, 0), told]);
    expect(verdicts.slice(0, 7)).toEqual(Array(7).fill(['granted', 0]));
    expect(verdicts.slice(7)).toEqual([...Array<unknown>(3).fill(['granted', 1]), ['quota', 1], ['quota', 1]]);
    expect(allowance.leftBytes).toBe(0);
  });

  test('a datagram that no longer fits costs nothing, and a smaller one may pass', () => {
    const allowance = new Allowance({ bytes: 1000, bytesPerSecond: 1e9 }, 0);
    expect([allowance.take(950, 0), allowance.take(100, 0), allowance.take(50, 0)]).toEqual([
      'granted',
      'quota',
      'granted',
    ]);
  });

  test('in any second of any traffic is no more than the rate and one burst', () => {
    const steps = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 65_000 })), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (traffic) => {
        const allowance = new Allowance({ bytes: 1e12, bytesPerSecond: 1_000_000 }, 0);
        const granted: [number, number][] = [];
        let now = 0;
        for (const [waitMs, bytes] of traffic) {
          now += waitMs;
          if (allowance.take(bytes, now) === 'granted') granted.push([now, bytes]);
        }
        for (const [from] of granted) {
          const within = granted.filter(([at]) => at >= from && at < from + 1000);
          expect(within.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThanOrEqual(1_000_000 + 256 * 1024);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('a clock that goes back gives nothing', () => {
    const allowance = new Allowance({ bytes: 1e12, bytesPerSecond: 1000 }, 10_000);
    expect(allowance.take(256 * 1024, 10_000)).toBe('granted');
    expect(allowance.take(1, 0)).toBe('rate');
    expect(allowance.take(1, 0)).toBe('rate');
  });
});

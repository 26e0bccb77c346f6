import { expect, test } from '@jest/globals';
import { bestServer, planDemo, type DemoOptions } from './plan.js';

const options: DemoOptions = { bytes: 30_000_000, rates: [20, 10, 5], seed: 1, kill: true, json: false };

test('the first is the primary, the second the victim', () => {
  expect(planDemo(options)).toEqual([
    { name: 'server 1 (20 Mbit/s)', rateBitsPerSecond: 20e6, primary: true, victim: false },
    { name: 'server 2 (10 Mbit/s)', rateBitsPerSecond: 10e6, primary: false, victim: true },
    { name: 'server 3 (5 Mbit/s)', rateBitsPerSecond: 5e6, primary: false, victim: false },
  ]);
  expect(planDemo({ ...options, kill: false }).some(({ victim }) => victim)).toBe(false);
});

test('the best server is the fastest, the first of equals', () => {
  const best = (...rates: number[]): number => bestServer(planDemo({ ...options, rates }));
  expect([best(20, 10, 5), best(5, 10, 20), best(10, 20, 20)]).toEqual([0, 2, 1]);
});

test.each([{ rates: [20] }, { rates: Array<number>(9).fill(1) }, { rates: [1, 0] }, { rates: [1, 2000] }])(
  'refuses %j',
  (part) => {
    expect(() => planDemo({ ...options, ...part })).toThrow(/--rates/u);
  },
);

test.each([0, 999_999, 2_000_000_001])('refuses %d bytes', (bytes) => {
  expect(() => planDemo({ ...options, bytes })).toThrow(/--bytes/u);
});

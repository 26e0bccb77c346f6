import { describe, expect, test } from '@jest/globals';
import { attemptTimeoutMs } from './attempt-timeout.js';

describe('attemptTimeoutMs', () => {
  test('follows the round trip, grows with each try, and has a bound', () => {
    expect([1, 2, 3, 9].map((tries) => attemptTimeoutMs(20, tries, 3000))).toEqual([500, 1000, 1500, 3000]);
    expect(attemptTimeoutMs(640, 1, 3000)).toBe(3000);
    expect(attemptTimeoutMs(41.808, 1, 3000)).toBe(610);
  });

  test('is the longest where nothing is known', () => {
    expect(attemptTimeoutMs(0, 1, 3000)).toBe(3000);
  });
});

import { describe, expect, test } from '@jest/globals';
import { snapshot } from '../test-support/snapshots.js';
import { arrivalMs } from './estimate.js';
import { Growth } from './growth.js';

describe('growth', () => {
  const unknown = snapshot(0, { deliveryRateBytesPerSecond: 0, windowBytes: 12_000, sendableBytes: 12_000 });
  const at = (deliveryRateBytesPerSecond: number): typeof unknown => ({ ...unknown, deliveryRateBytesPerSecond });
  const isFaster = (growth: Growth, path: typeof unknown, now: number): boolean =>
    growth.arrivalMs(path, 1e6, now) < 0.5 * arrivalMs(path, 1e6);

  test('a new path is expected to double each round trip', () => {
    const growth = new Growth();
    growth.observe(unknown, 0);
    // 12000 (2^n - 1) / ln 2 bytes in n round trips of 20 ms, and 10 ms under way.
    expect(growth.arrivalMs(unknown, (12_000 * 7) / Math.LN2, 0)).toBeCloseTo(3 * 20 + 10, 6);
  });

  test('a path that delivers already is taken at its rate, and one that stops growing after three round trips', () => {
    const growth = new Growth();
    growth.observe(at(600_000), 0);
    expect(growth.arrivalMs(at(600_000), 1e6, 0)).toBe(arrivalMs(at(600_000), 1e6));
    growth.observe(at(1_200_000), 20);
    expect(isFaster(growth, at(1_200_000), 80)).toBe(true);
    expect(isFaster(growth, at(1_200_000), 81)).toBe(false);
  });

  test('small steps that add up are growth; noise is not', () => {
    const growth = new Growth();
    growth.observe(at(600_000), 0);
    for (let now = 1; now <= 100; now++) growth.observe(at(600_000 * (1 + (now % 5) / 25)), now);
    expect(isFaster(growth, at(600_000), 100)).toBe(false);
    for (let now = 101; now <= 150; now++) growth.observe(at(600_000 * 1.01 ** (now - 100)), now);
    expect(isFaster(growth, at(960_000), 150)).toBe(true);
  });

  test('a path that became worse and recovers is growing again', () => {
    const growth = new Growth();
    growth.observe(at(5_000_000), 0);
    growth.observe(at(500_000), 1000);
    growth.observe(at(1_000_000), 1020);
    expect(isFaster(growth, at(1_000_000), 1020)).toBe(true);
  });

  test('forgets paths that are gone', () => {
    const growth = new Growth();
    growth.observe(unknown, 0);
    growth.keepOnly([]);
    expect(growth.arrivalMs(unknown, 1e6, 0)).toBe(arrivalMs(unknown, 1e6));
  });
});

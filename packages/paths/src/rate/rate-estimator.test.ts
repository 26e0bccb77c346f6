import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frameBudgetBytes } from './frame-budget.js';
import { RateEstimator } from './rate-estimator.js';

/** A steady flow in pieces; returns when it ended. */
function flow(rate: RateEstimator, bytesPerMs: number, fromMs: number, untilMs: number, rttMs = 20): void {
  for (let now = fromMs; now < untilMs; now += 2) rate.onDelivered(2 * bytesPerMs, rttMs, now);
}

describe('RateEstimator', () => {
  test('knows nothing at first', () => {
    const rate = new RateEstimator();
    expect([rate.bytesPerSecond(0), rate.totalBytes]).toEqual([0, 0]);
  });

  test('a steady flow reads as what it is, within a bucket', () => {
    const arbitrary = fc.record({
      bytesPerMs: fc.integer({ min: 1, max: 50_000 }),
      rttMs: fc.double({ min: 0.1, max: 400, noNaN: true }),
    });
    fc.assert(
      fc.property(arbitrary, ({ bytesPerMs, rttMs }) => {
        const rate = new RateEstimator();
        flow(rate, bytesPerMs, 0, 3000, rttMs);
        expect(rate.bytesPerSecond(3000) / (bytesPerMs * 1000)).toBeGreaterThan(0.97);
        expect(rate.bytesPerSecond(3000) / (bytesPerMs * 1000)).toBeLessThan(1.03);
      }),
      { numRuns: 40 },
    );
  });

  test('follows a change within a second (V5.2)', () => {
    const rate = new RateEstimator();
    flow(rate, 2500, 0, 2000, 100);
    flow(rate, 250, 2000, 3000, 100);
    expect(rate.bytesPerSecond(3000)).toBeCloseTo(250_000, -4);
  });

  test('falls to nothing in silence, but not while paused', () => {
    const [silent, paused] = [new RateEstimator(), new RateEstimator()];
    flow(silent, 1000, 0, 1000);
    flow(paused, 1000, 0, 1000);
    paused.pause(1000);
    expect(silent.bytesPerSecond(1050)).toBeLessThan(700_000);
    expect(silent.bytesPerSecond(3000)).toBe(0);
    expect(paused.bytesPerSecond(3000)).toBeGreaterThan(950_000);
    flow(paused, 1000, 3000, 3050);
    expect(paused.bytesPerSecond(3050)).toBeGreaterThan(950_000);
  });

  test('a first burst is no proof of an endless rate', () => {
    const rate = new RateEstimator();
    rate.onDelivered(16_384, 20, 0);
    expect(rate.bytesPerSecond(0)).toBeLessThan(16_384 * 200);
    expect(rate.totalBytes).toBe(16_384);
  });

  test('is never negative, never infinite, never above what one bucket could hold', () => {
    const event = fc.tuple(
      fc.integer({ min: 0, max: 20_000 }),
      fc.double({ min: 0, max: 900, noNaN: true }),
      fc.nat({ max: 400 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const rate = new RateEstimator();
        let now = 0;
        let total = 0;
        for (const [bytes, rttMs, waitMs, pause] of events) {
          now += waitMs;
          if (pause) rate.pause(now);
          else {
            rate.onDelivered(bytes, rttMs, now);
            total += bytes;
          }
          const value = rate.bytesPerSecond(now);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual((total / (100 / 16)) * 1000);
        }
        expect(rate.totalBytes).toBe(total);
      }),
    );
  });
});

test('a frame is 5 ms of the path, from one datagram to 16 kB', () => {
  expect(frameBudgetBytes(0, 1200)).toBe(1200);
  expect(frameBudgetBytes(125_000, 1200)).toBe(1200);
  expect(frameBudgetBytes(2_500_000, 1200)).toBe(12_500);
  expect(frameBudgetBytes(1e9, 1200)).toBe(16_384);
  expect(frameBudgetBytes(1e9, 60_000)).toBe(60_000);
});

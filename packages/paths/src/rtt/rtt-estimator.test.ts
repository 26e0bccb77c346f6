import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { INITIAL_RTT_MS, RttEstimator } from './rtt-estimator.js';

describe('RttEstimator', () => {
  test('assumes the initial RTT of RFC 9002 before the first sample', () => {
    const rtt = new RttEstimator();
    expect([rtt.hasSample, rtt.smoothedMs, rtt.rttVarMs]).toEqual([false, INITIAL_RTT_MS, INITIAL_RTT_MS / 2]);
    expect(rtt.ptoMs(25)).toBeCloseTo(333 + 4 * 166.5 + 25);
  });

  test('takes the first sample whole, acknowledgement delay included', () => {
    const rtt = new RttEstimator();
    rtt.sample(100, 40, 5);
    expect([rtt.smoothedMs, rtt.rttVarMs, rtt.minMs, rtt.latestMs]).toEqual([100, 50, 100, 100]);
    expect(rtt.lastSampleAtMs).toBe(5);
  });

  test('follows the arithmetic of section 5.3, worked by hand', () => {
    const rtt = new RttEstimator();
    rtt.sample(100, 0, 0);
    rtt.sample(140, 20, 1);
    // adjusted 120; rttvar = 3/4*50 + 1/4*|100-120| = 42.5; srtt = 7/8*100 + 1/8*120 = 102.5
    expect([rtt.smoothedMs, rtt.rttVarMs, rtt.minMs, rtt.latestMs]).toEqual([102.5, 42.5, 100, 140]);
    rtt.sample(110, 20, 2);
    // 110 < 100 + 20: the delay is not believed
    expect(rtt.smoothedMs).toBeCloseTo(102.5 * (7 / 8) + 110 / 8);
    expect(rtt.ptoMs(20)).toBeCloseTo(rtt.smoothedMs + 4 * rtt.rttVarMs + 20);
  });

  test('cuts a claimed delay to the longest that was agreed', () => {
    const rtt = new RttEstimator({ maxAckDelayMs: 20 });
    rtt.sample(100, 0, 0);
    rtt.sample(200, 90, 1);
    expect(rtt.smoothedMs).toBeCloseTo(100 * (7 / 8) + 180 / 8);
  });

  test('smoothed stays within the range of the samples, minimum is exact, whatever delay the peer claims', () => {
    const samples = fc.array(
      fc.tuple(fc.double({ min: 0.1, max: 5000, noNaN: true }), fc.double({ min: -10, max: 1e5, noNaN: true })),
      {
        minLength: 1,
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(samples, (list) => {
        const rtt = new RttEstimator();
        list.forEach(([rttMs, delayMs], index) => rtt.sample(rttMs, delayMs, index));
        const values = list.map(([rttMs]) => rttMs);
        const min = Math.min(...values);
        expect(rtt.minMs).toBe(min);
        expect(rtt.smoothedMs).toBeGreaterThanOrEqual(min - 1e-6);
        expect(rtt.smoothedMs).toBeLessThanOrEqual(Math.max(...values) + 1e-6);
        expect(rtt.rttVarMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('converges on a steady path', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i++) rtt.sample(20, 0, i);
    expect(rtt.smoothedMs).toBeCloseTo(20);
    expect(rtt.ptoMs(0)).toBeCloseTo(21, 3);
  });

  test('refuses what is no time', () => {
    const rtt = new RttEstimator();
    expect(() => rtt.sample(Number.NaN, 0, 0)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INTERNAL' }));
    expect(() => rtt.sample(-1, 0, 0)).toThrow();
    expect(() => new RttEstimator({ initialMs: 0 })).toThrow();
  });
});

import { describe, expect, test } from '@jest/globals';
import { bytesAt, countOfArrivals, countOfPaths, longestGapMs, ratesMbit, recoveryMs } from './count.js';

const arrivals = [0, 10, 20, 120, 130, 400].map((atMs) => ({ atMs, bytes: 1000 }));

describe('what came when', () => {
  test('the gap that a cut begins counts from the last byte before it', () => {
    expect(longestGapMs(arrivals, 25, 140)).toBe(100);
    expect(longestGapMs(arrivals, 125, 500)).toBe(270);
  });

  test('a gap that has not ended counts until now', () => {
    expect(longestGapMs(arrivals, 125, 390)).toBe(260);
    expect(longestGapMs([], 100, 390)).toBe(290);
  });

  test('gaps before the cut are not its', () => {
    expect(longestGapMs(arrivals, 120, 135)).toBe(10);
  });

  test('bytes of paths add up, also when a path counts from zero again', () => {
    const look = (id: number, receivedBytes: number) => ({ id, receivedBytes, address: '', state: '', rttMs: 1 });
    const count = countOfPaths([
      { atMs: 0, paths: [look(0, 100)] },
      { atMs: 10, paths: [look(0, 150), look(1, 30)] },
      { atMs: 20, paths: [look(0, 20), look(1, 30)] },
    ]);
    expect(count.map(({ bytes }) => bytes)).toEqual([100, 180, 200]);
  });

  test('what has come by a moment', () => {
    const count = countOfArrivals(arrivals);
    expect([-1, 0, 19, 20, 1e6].map((atMs) => bytesAt(count, atMs))).toEqual([0, 1000, 2000, 3000, 6000]);
    expect(ratesMbit(count, 0, 200, 100)).toEqual([0.16, 0.16]);
  });

  test('the rate is back where the window that follows has it', () => {
    // 1 Mbit/s, nothing from 100 to 300.
    const steps = [...Array(10).keys(), ...Array.from({ length: 30 }, (_, index) => index + 30)];
    const count = countOfArrivals(steps.map((step) => ({ atMs: step * 10, bytes: 1250 })));
    const back = recoveryMs(count, { fromMs: 100, toMs: 600, mbit: 0.9, windowMs: 100 });
    expect(back).toBeGreaterThanOrEqual(180);
    expect(back).toBeLessThanOrEqual(200);
    expect(recoveryMs(count, { fromMs: 100, toMs: 350, mbit: 0.9, windowMs: 100 })).toBe(Infinity);
  });
});

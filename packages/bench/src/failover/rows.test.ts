import { describe, expect, test } from '@jest/globals';
import { judge } from '../report/verdict.js';
import { evaluate, specsOf } from './measure.js';
import { planOutages, totalMs } from './plan.js';
import { limitMs, rowNames, rowsOf } from './rows.js';
import { scheduleOf, SETTINGS, type Setting } from './settings.js';

const SETTING: Setting = { name: 'it', kind: 'paths', links: 2, cut: 1, rttMs: 20, quick: false };
/** The links allow 19.2 Mbit/s: 2400 bytes a millisecond. Full rate, but for `gapMs` from 1000 on, then half of it to 2000. */
function transfer(gapMs: number) {
  const arrivals = Array.from({ length: 500 }, (_, index) => index * 10)
    .filter((atMs) => atMs <= 1000 || atMs >= 1000 + gapMs)
    .map((atMs) => ({ atMs, bytes: atMs > 1000 && atMs <= 2000 ? 12_000 : 24_000 }));
  let bytes = 0;
  return { arrivals, count: arrivals.map((arrival) => ({ atMs: arrival.atMs, bytes: (bytes += arrival.bytes) })) };
}

function cutsWith(gapMs: number, setting = SETTING, srttMs = 20) {
  const { arrivals, count } = transfer(gapMs);
  const moments = [{ victims: [1], downMs: 1000, upMs: 1500, cutMs: 1000, healMs: 2000 }];
  return evaluate(setting, moments, arrivals, count, () => srttMs);
}

describe('failover', () => {
  test('a gap is held against the round-trip time before the cut', () => {
    expect(limitMs(20)).toBe(110);
    const [gap, left, whole] = rowsOf(cutsWith(100));
    expect(gap!.value).toBe(100);
    expect(gap!.ratio).toBeCloseTo(100 / 110, 10);
    expect([gap!, left!, whole!].map(judge)).toEqual(['met', 'met', 'met']);
    expect(left!.value).toBeGreaterThan(60);
    expect(left!.value).toBeLessThan(130);
    expect(judge(rowsOf(cutsWith(120))[0]!)).toBe('missed');
  });

  test('a reliable stream waits for no round trip', () => {
    const reliable = { ...SETTING, kind: 'reliable' as const };
    expect(rowsOf(cutsWith(20, reliable)).map(judge)).toEqual(['met']);
    expect(rowsOf(cutsWith(30, reliable)).map(judge)).toEqual(['missed']);
  });

  test('at long round-trip times the limit is a time', () => {
    const far = { ...SETTING, rttMs: 100 };
    expect(judge(rowsOf(cutsWith(200, far, 100))[0]!)).toBe('met');
    expect(judge(rowsOf(cutsWith(210, far, 100))[0]!)).toBe('missed');
  });

  test('what is not reached is as long as it was waited for', () => {
    const left = rowsOf(cutsWith(990))[1]!;
    expect(left.value).toBe(1000);
    expect(left.note).toContain('1 of 1 later');
  });

  test('MPTCP stands beside, and a light load has no rate to come back to', () => {
    const rows = rowsOf(cutsWith(100), cutsWith(400));
    expect(rows.at(-1)!.reference!.value).toBe(400);
    expect(rows.map(({ name }) => name)).toEqual(rowNames(SETTING));
    expect(rowsOf(cutsWith(100, { ...SETTING, kind: 'light' }))).toHaveLength(1);
  });

  test('a plan repeats itself, and cuts other links at other times', () => {
    const three = { links: 3, cut: 2 };
    const schedule = scheduleOf(SETTING, false);
    const plan = planOutages(three, schedule, 7);
    expect(planOutages(three, schedule, 7)).toEqual(plan);
    expect(plan).toHaveLength(20);
    expect(new Set(plan.map(({ victims }) => victims.join())).size).toBe(3);
    expect(plan.every(({ victims }) => victims.length === 2 && victims[0]! < victims[1]!)).toBe(true);
    expect(plan.filter(({ downMs }) => downMs === schedule.longDownMs)).toHaveLength(2);
    expect(totalMs(plan, schedule)).toBeGreaterThan(20 * (schedule.downMs + schedule.upMs));
  });

  test('names of settings are their own, and links have half the round-trip time each way', () => {
    expect(new Set(SETTINGS.map(({ name }) => name)).size).toBe(28);
    expect(specsOf(SETTING)).toEqual([
      { rateMbit: 10, delayMs: 10 },
      { rateMbit: 10, delayMs: 10 },
    ]);
  });
});

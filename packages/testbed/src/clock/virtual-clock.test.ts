import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { VirtualClock } from './virtual-clock.js';

function limitExceeded(): unknown {
  return expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
}

describe('VirtualClock', () => {
  test('runs timers in the order of their times, at their times', () => {
    const clock = new VirtualClock({ startMs: 100 });
    const seen: [string, number][] = [];
    const note = (name: string) => () => seen.push([name, clock.now()]);
    clock.schedule(20, note('late'));
    clock.schedule(5, note('early'));
    clock.schedule(5, note('early too'));
    clock.schedule(50, note('never'));
    clock.advanceTo(130);
    expect(seen).toEqual([
      ['early', 105],
      ['early too', 105],
      ['late', 120],
    ]);
    expect(clock.now()).toBe(130);
    expect(clock.nextTimerMs).toBe(150);
  });

  test('never calls synchronously, not even without delay, and runs timers set on the way', () => {
    const clock = new VirtualClock();
    let calls = 0;
    clock.schedule(0, () => clock.schedule(0, () => (calls += 1)));
    expect(calls).toBe(0);
    clock.advanceBy(0);
    expect(calls).toBe(1);
  });

  test('a cancelled timer does nothing; cancelling twice, or after it fired, does nothing either', () => {
    const clock = new VirtualClock();
    let calls = 0;
    const timer = clock.schedule(1, () => (calls += 1));
    const other = clock.schedule(1, () => (calls += 10));
    timer.cancel();
    timer.cancel();
    expect(clock.pendingTimers).toBe(1);
    clock.runUntilIdle();
    other.cancel();
    expect(clock.pendingTimers).toBe(0);
    expect(calls).toBe(10);
  });

  test('a timer can cancel one of the same instant', () => {
    const clock = new VirtualClock();
    clock.schedule(1, () => second.cancel());
    const second = clock.schedule(1, () => expect(true).toBe(false));
    clock.runUntilIdle();
    expect(clock.now()).toBe(1);
  });

  test('set and cancelled a million times, it keeps little', () => {
    const clock = new VirtualClock();
    for (let i = 0; i < 1_000_000; i++) clock.schedule(1000, () => undefined).cancel();
    expect(clock.pendingTimers).toBe(0);
    expect(clock.nextTimerMs).toBe(Infinity);
  });

  test('what never comes to rest meets its bounds', () => {
    const clock = new VirtualClock();
    const tick = (): void => void clock.schedule(10, tick);
    tick();
    expect(() => clock.runUntilIdle({ maxMs: 1000 })).toThrow(limitExceeded());
    expect(clock.now()).toBe(1000);
    expect(() => clock.runUntilIdle({ maxTimers: 50 })).toThrow(limitExceeded());
    const spin = (): void => void clock.schedule(0, spin);
    spin();
    expect(() => clock.advanceBy(1)).toThrow(limitExceeded());
  });

  test('time goes neither back nor on from inside a timer', () => {
    const clock = new VirtualClock({ startMs: 5 });
    expect(() => clock.advanceTo(4)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    expect(() => clock.schedule(NaN, () => undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
    clock.schedule(1, () => clock.advanceBy(1));
    clock.schedule(2, () => undefined);
    expect(() => clock.advanceBy(10)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
    clock.advanceBy(10);
  });

  test('runUntil stops as soon as the condition holds, and says when it never does', () => {
    const clock = new VirtualClock();
    let count = 0;
    for (let i = 1; i <= 5; i++) clock.schedule(i, () => (count += 1));
    expect(clock.runUntil(() => count === 3)).toBe(true);
    expect(clock.now()).toBe(3);
    expect(clock.runUntil(() => count === 9)).toBe(false);
  });

  test('the asynchronous methods let promises settle between timers', async () => {
    const clock = new VirtualClock();
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
    const seen: number[] = [];
    const work = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        await Promise.resolve();
        seen.push(clock.now());
      }
    })();
    await clock.advanceByAsync(15);
    expect(seen).toEqual([10]);
    expect(await clock.runUntilAsync(() => seen.length === 2)).toBe(true);
    await clock.runUntilIdleAsync();
    await work;
    expect(seen).toEqual([10, 20, 30]);
  });

  test('agrees with a sorted list, whatever is set and cancelled', () => {
    const action = fc.record({ delayMs: fc.nat(20), cancel: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 600 }), (actions) => {
        const clock = new VirtualClock();
        const seen: number[] = [];
        const handles = actions.map(({ delayMs }, index) => clock.schedule(delayMs, () => seen.push(index)));
        actions.forEach(({ cancel }, index) => cancel && handles[index]?.cancel());
        clock.runUntilIdle();
        const kept = actions.map((one, index) => ({ ...one, index })).filter(({ cancel }) => !cancel);
        expect(seen).toEqual(kept.sort((a, b) => a.delayMs - b.delayMs || a.index - b.index).map(({ index }) => index));
      }),
    );
  });
});

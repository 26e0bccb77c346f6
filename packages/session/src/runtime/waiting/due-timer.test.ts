import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { DueTimer } from './due-timer.js';

test('acts once, at the time that was set last, and not at all when that was taken back', () => {
  const clock = new VirtualClock();
  const acted: number[] = [];
  const timer = new DueTimer(clock, () => acted.push(clock.now()));
  timer.set(100);
  timer.set(300);
  timer.set(200);
  clock.advanceBy(1000);
  expect(acted).toEqual([200]);
  timer.set(1500);
  timer.set(undefined);
  clock.advanceBy(1000);
  expect([acted, clock.pendingTimers]).toEqual([[200], 0]);
  timer.set(10);
  clock.advanceBy(0);
  expect(acted).toEqual([200, 2000]);
});

import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { KwikError } from '@kwik/wire';
import { AccessTerm } from './access-term.js';

const DAY_MS = 24 * 3600 * 1000;
/** What Node waits at the most; a longer timer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

test('a session may last longer than any timer, and ends when its time is over', () => {
  const clock = new VirtualClock();
  const errors: KwikError[] = [];
  const waits: number[] = [];
  const schedule: typeof clock.schedule = (delayMs, callback) => {
    waits.push(delayMs);
    return clock.schedule(delayMs, callback);
  };
  const session = {
    clock: { now: () => clock.now(), schedule },
    closeInfo: undefined,
    paths: { infos: () => [] },
    fail: (error: KwikError) => void errors.push(error),
  };
  const term = new AccessTerm(session, { untilMs: 60 * DAY_MS }, () => clock.now());
  term.onPathUp();
  term.onPathUp();
  clock.advanceBy(60 * DAY_MS - 1);
  expect(errors).toEqual([]);
  clock.advanceBy(1);
  expect(errors).toMatchObject([{ code: 'ERR_KWIK_PERMISSION_DENIED' }]);
  expect(waits).toEqual([LONGEST_MS, LONGEST_MS, 60 * DAY_MS - 2 * LONGEST_MS]);
  expect(clock.pendingTimers).toBe(0);
});

test('a session that ended leaves no timer', () => {
  const clock = new VirtualClock();
  const fail = (): never => {
    throw new Error('it ended before');
  };
  const session = { clock, closeInfo: undefined, paths: { infos: () => [] }, fail };
  const term = new AccessTerm(session, { untilMs: DAY_MS }, () => clock.now());
  term.onPathUp();
  term.onEnd();
  clock.advanceBy(2 * DAY_MS);
  expect(clock.pendingTimers).toBe(0);
});

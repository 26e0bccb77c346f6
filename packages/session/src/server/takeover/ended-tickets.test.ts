import { describe, expect, test } from '@jest/globals';
import { sessionIdFromBytes } from '@kwik/wire';
import { EndedTickets } from './ended-tickets.js';

const NOW_MS = 1_800_000_000_000;

/** The session of that number, and with which ticket it ended. */
const ticket = (number: number, expiresMs: number) => {
  const id = new Uint8Array(16);
  id.set([number >> 8, number & 0xff]);
  return [sessionIdFromBytes(id), { takeovers: 0, expiresMs }] as const;
};

describe('tickets of sessions that have ended', () => {
  test('are remembered up to a bound; beyond it none as old as those that were forgotten is taken, and fresh ones are', () => {
    const ended = new EndedTickets(1000);
    // Not in the order of their age.
    const all = Array.from({ length: 5000 }, (_, number) => ticket(number, NOW_MS + ((number * 7919) % 60_000)));
    for (const one of all) {
      ended.add(...one, NOW_MS);
      expect(ended.size).toBeLessThanOrEqual(1000);
    }
    expect(all.filter((one) => !ended.has(...one) && !ended.isTooOld(one[1]))).toEqual([]);
    const fresh = ticket(6000, NOW_MS + 60_000);
    expect([ended.has(...fresh), ended.isTooOld(fresh[1])]).toEqual([false, false]);
  });

  test('make room when their time is over, and cost no other ticket anything then', () => {
    const ended = new EndedTickets(10);
    for (let number = 0; number < 10; number++) ended.add(...ticket(number, NOW_MS), NOW_MS);
    const laterMs = NOW_MS + 10 * 60_000;
    ended.add(...ticket(10, laterMs), laterMs);
    expect(ended.size).toBe(1);
    expect(ended.isTooOld({ expiresMs: NOW_MS })).toBe(false);
  });
});

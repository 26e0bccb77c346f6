import { describe, expect, test } from '@jest/globals';
import { EndedTickets } from './ended-tickets.js';

const NOW_MS = 1_800_000_000_000;

const ticket = (number: number, expiresMs: number) => ({
  ticketId: Uint8Array.of(number >> 8, number & 0xff),
  expiresMs,
});

describe('tickets of sessions that have ended', () => {
  test('are remembered up to a bound; beyond it none as old as those that were forgotten is taken, and fresh ones are', () => {
    const ended = new EndedTickets(1000);
    // Not in the order of their age.
    const all = Array.from({ length: 5000 }, (_, number) => ticket(number, NOW_MS + ((number * 7919) % 60_000)));
    for (const one of all) {
      ended.add(one, NOW_MS);
      expect(ended.size).toBeLessThanOrEqual(1000);
    }
    expect(all.filter((one) => !ended.has(one) && !ended.isTooOld(one))).toEqual([]);
    const fresh = ticket(6000, NOW_MS + 60_000);
    expect([ended.has(fresh), ended.isTooOld(fresh)]).toEqual([false, false]);
  });

  test('make room when their time is over, and cost no other ticket anything then', () => {
    const ended = new EndedTickets(10);
    for (let number = 0; number < 10; number++) ended.add(ticket(number, NOW_MS), NOW_MS);
    const laterMs = NOW_MS + 10 * 60_000;
    ended.add(ticket(10, laterMs), laterMs);
    expect(ended.size).toBe(1);
    expect(ended.isTooOld({ expiresMs: NOW_MS })).toBe(false);
  });
});

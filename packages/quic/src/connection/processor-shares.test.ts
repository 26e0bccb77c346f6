import { describe, expect, test } from '@jest/globals';
import { ProcessorShares } from './processor-shares.js';

const END_MS = 1_000;

/**
 * One processor, a millisecond at a time, for connections that want so much of each; each takes what it wants while there
 * is some left, in an order that turns. With shares, who is over its own comes after the others. What each got of it all.
 */
function divide(wants: readonly number[], shared = true): number[] {
  const shares = new ProcessorShares();
  const users = wants.map((want) => ({ want, account: shares.account(0), got: 0 }));
  for (let now = 0; now < END_MS; now += 1) {
    const first = now % users.length;
    const order = [...users.slice(first), ...users.slice(0, first)];
    const behind = shared ? order.filter(({ account }) => shares.isOver(account, now)) : [];
    let left = 1;
    for (const user of [...order.filter((each) => !behind.includes(each)), ...behind]) {
      const ms = Math.min(left, user.want);
      shares.charge(user.account, ms, now);
      left -= ms;
      user.got += ms / END_MS;
    }
  }
  return users.map(({ got }) => got);
}

describe('ProcessorShares', () => {
  test('one that is alone may have all', () => {
    expect(divide([1])[0]).toBeCloseTo(1);
  });

  test('who wants little gets it, beside one who wants everything, or three', () => {
    expect(divide([1, 0.25], false)[1]).toBeCloseTo(0.125);
    expect(divide([1, 0.25])[1]).toBeGreaterThan(0.23);
    expect(divide([1, 1, 1, 0.1], false)[3]).toBeCloseTo(0.025);
    expect(divide([1, 1, 1, 0.1])[3]).toBeGreaterThan(0.05);
  });

  test('two that want everything get half each', () => {
    const [one = 0, other = 0] = divide([1, 1]);
    expect(one + other).toBeCloseTo(1);
    expect(Math.abs(one - other)).toBeLessThan(0.2);
  });

  test('what others leave, a greedy one gets: nothing is wasted', () => {
    expect(divide([1, 0.05])[0]).toBeGreaterThan(0.9);
  });

  test('one who now and then wants a little counts for nothing', () => {
    const shares = new ProcessorShares();
    const [busy, chat] = [shares.account(0), shares.account(0)];
    for (let now = 0; now < 500; now += 1) {
      shares.charge(busy, 1, now);
      if (now % 50 === 0) shares.charge(chat, 0.1, now);
      expect(shares.isOver(busy, now)).toBe(false);
    }
  });

  test('a debt from quiet times is no longer when many come', () => {
    const shares = new ProcessorShares();
    const [greedy, other] = [shares.account(0), shares.account(0)];
    for (let now = 0; now < 200; now += 1) for (const account of [greedy, other]) shares.charge(account, 1, now);
    const many = Array.from({ length: 98 }, () => shares.account(200));
    for (let now = 200; now < 260; now += 1) for (const account of many) shares.charge(account, 0.3, now);
    expect(shares.isOver(greedy, 260)).toBe(false);
  });

  test('a debt ends, and what it grows to is bounded: nobody waits longer than 50 ms', () => {
    const shares = new ProcessorShares();
    const accounts = Array.from({ length: 20 }, () => shares.account(0));
    for (const account of accounts) shares.charge(account, 1, 0);
    const [worst] = accounts;
    if (worst === undefined) throw new Error('there is none');
    shares.charge(worst, 100_000, 0);
    expect(shares.isOver(worst, 1)).toBe(true);
    expect(shares.isOver(worst, 52)).toBe(false);
  });
});

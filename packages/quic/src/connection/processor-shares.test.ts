import { describe, expect, test } from '@jest/globals';
import { ProcessorShares, RANK, type ConnectionShare } from './processor-shares.js';

const END_MS = 1_000;

/**
 * One processor, a millisecond at a time, for connections that want so much of each; each takes what it wants while there
 * is some left, in an order that turns. With shares, who is over its own comes after the others. What each got of it all.
 */
function divide(
  wants: readonly number[],
  shared = true,
  join?: (each: ConnectionShare[], shares: ProcessorShares) => void,
): number[] {
  const shares = new ProcessorShares();
  const users = wants.map((want) => ({ want, account: shares.open(0), got: 0 }));
  join?.(
    users.map(({ account }) => account),
    shares,
  );
  for (let now = 0; now < END_MS; now += 1) {
    const first = now % users.length;
    const order = [...users.slice(first), ...users.slice(0, first)];
    const ranked = order.map((user) => ({ user, rank: shared ? shares.rank(user.account, now) : RANK.within }));
    let left = 1;
    for (const { user } of ranked.toSorted((a, b) => a.rank - b.rank)) {
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
    const [busy, chat] = [shares.open(0), shares.open(0)];
    for (let now = 0; now < 500; now += 1) {
      shares.charge(busy, 1, now);
      if (now % 50 === 0) shares.charge(chat, 0.1, now);
      expect(shares.rank(busy, now)).toBe(RANK.within);
    }
  });

  test('a debt from quiet times is no longer when many come', () => {
    const shares = new ProcessorShares();
    const [greedy, other] = [shares.open(0), shares.open(0)];
    for (let now = 0; now < 200; now += 1) for (const account of [greedy, other]) shares.charge(account, 1, now);
    const many = Array.from({ length: 98 }, () => shares.open(200));
    for (let now = 200; now < 260; now += 1) for (const account of many) shares.charge(account, 0.3, now);
    expect(shares.rank(greedy, 260)).toBe(RANK.within);
  });

  test('a debt ends, and what it grows to is bounded: nobody waits longer than 50 ms', () => {
    const shares = new ProcessorShares();
    const accounts = Array.from({ length: 20 }, () => shares.open(0));
    for (const account of accounts) shares.charge(account, 1, 0);
    const [worst] = accounts;
    if (worst === undefined) throw new Error('there is none');
    shares.charge(worst, 100_000, 0);
    expect(shares.rank(worst, 1)).toBe(RANK.over);
    expect(shares.rank(worst, 52)).toBe(RANK.within);
  });
});

describe('connections of one owner', () => {
  /** Connections that want everything, of owners by their names. */
  function divideAmong(owners: readonly { name: string; weight?: number; connections: number }[]): number[] {
    const each = owners.flatMap((owner) => Array.from({ length: owner.connections }, () => owner));
    const got = divide(
      each.map(() => 1),
      true,
      (connections, shares) => {
        for (const [index, connection] of connections.entries()) {
          shares.join(connection, each[index]!.name, each[index]!.weight ?? 1, 0);
        }
      },
    );
    return owners.map((owner) => got.reduce((sum, part, index) => sum + (each[index] === owner ? part : 0), 0));
  }

  test('get together what one that is alone gets', () => {
    const [many = 0, one = 0] = divideAmong([
      { name: 'many', connections: 20 },
      { name: 'one', connections: 1 },
    ]);
    expect(many + one).toBeCloseTo(1);
    expect(one).toBeGreaterThan(0.35);
    expect(divide(Array.from({ length: 21 }, () => 1))[20]).toBeLessThan(0.1);
  });

  test('get as much more as their owner weighs', () => {
    const [heavy = 0, light = 0] = divideAmong([
      { name: 'heavy', weight: 3, connections: 2 },
      { name: 'light', connections: 2 },
    ]);
    expect(heavy / light).toBeGreaterThan(2);
    expect(heavy / light).toBeLessThan(4.5);
  });

  test('go after each other: one that wants little before a greedy one, while others go before both', () => {
    const shares = new ProcessorShares();
    const [greedy, modest, other] = [shares.open(0), shares.open(0), shares.open(0)];
    for (const connection of [greedy, modest]) shares.join(connection, 'both', 1, 0);
    for (let now = 0; now < 100; now += 1) {
      shares.charge(greedy, 0.7, now);
      shares.charge(modest, 0.05, now);
      shares.charge(other, 0.25, now);
    }
    expect([greedy, modest, other].map((each) => shares.rank(each, 100))).toEqual([
      RANK.over,
      RANK.ownerOver,
      RANK.within,
    ]);
  });

  test('are forgotten with the last of them, told once or twice that it is over', () => {
    const shares = new ProcessorShares();
    const [one, other] = [shares.open(0), shares.open(0)];
    for (const connection of [one, other]) shares.join(connection, 'both', 1, 0);
    shares.join(one, 'both', 2, 0);
    expect(shares.size).toBe(1);
    shares.close(one);
    shares.close(one);
    shares.charge(one, 1, 1);
    expect(shares.size).toBe(1);
    shares.close(other);
    expect(shares.size).toBe(0);
  });
});

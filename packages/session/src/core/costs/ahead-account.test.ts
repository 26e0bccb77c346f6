import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AheadAccount } from './ahead-account.js';
import { AheadShares, type AheadUser } from './ahead-shares.js';

const FREE_BYTES = 16 * 1024;

/** One of many, with those who share. */
function account(freeBytes: number) {
  const counted = { bytes: 0, users: new Set<AheadUser>() };
  const real = new AheadShares({ allBytes: 20_000, sessionBytes: 20_000 });
  const shares: Pick<AheadShares, 'join' | 'leave' | 'shareOf'> = {
    shareOf: (user) => real.shareOf(user),
    join: (user) => {
      real.join(user);
      counted.users.add(user);
    },
    leave: (user) => {
      real.leave(user);
      counted.users.delete(user);
    },
  };
  const onChange = (bytes: number): void => void (counted.bytes += bytes);
  return { counted, one: new AheadAccount({ shares, holder: { peer: {}, weight: 1 }, freeBytes, onChange }) };
}

describe('a session that has something ahead', () => {
  const steps = fc.array(fc.record({ asks: fc.nat(60_000), takes: fc.nat(100), gives: fc.nat(100) }), {
    maxLength: 30,
  });

  test.each([0, FREE_BYTES])(
    'shares while it has more than %d bytes, and is forgotten otherwise, whatever it asked for',
    (freeBytes) => {
      fc.assert(
        fc.property(steps, fc.boolean(), (all, closes) => {
          const { one, counted } = account(freeBytes);
          for (const { asks, takes, gives } of all) {
            one.change(Math.ceil((one.roomFor(asks) * takes) / 100));
            one.change(-Math.ceil((one.bytes * gives) / 100));
            expect(counted.users.has(one)).toBe(one.bytes > freeBytes);
            expect(one.heldBack && one.bytes <= freeBytes).toBe(false);
          }
          one.roomFor(50_000);
          if (closes) one.close();
          else one.change(-one.bytes);
          expect([counted.users.size, one.bytes, counted.bytes]).toEqual([0, 0, 0]);
        }),
      );
    },
  );
});

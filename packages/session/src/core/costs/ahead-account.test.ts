import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AheadAccount } from './ahead-account.js';
import { AheadShares, type AheadUser } from './ahead-shares.js';

const FREE_BYTES = 16 * 1024;

class CountedShares extends AheadShares {
  readonly users = new Set<AheadUser>();

  override join(user: AheadUser): void {
    super.join(user);
    this.users.add(user);
  }

  override leave(user: AheadUser): void {
    super.leave(user);
    this.users.delete(user);
  }
}

function account(shares: AheadShares, freeBytes: number) {
  const counted = { bytes: 0 };
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
          const shares = new CountedShares({ allBytes: 20_000, sessionBytes: 20_000 });
          const { one, counted } = account(shares, freeBytes);
          for (const { asks, takes, gives } of all) {
            one.change(Math.ceil((one.roomFor(asks) * takes) / 100));
            one.change(-Math.ceil((one.bytes * gives) / 100));
            expect(shares.users.has(one)).toBe(one.bytes > freeBytes);
            expect(one.heldBack && one.bytes <= freeBytes).toBe(false);
          }
          one.roomFor(50_000);
          if (closes) one.close();
          else one.change(-one.bytes);
          expect([shares.users.size, one.bytes, counted.bytes]).toEqual([0, 0, 0]);
        }),
      );
    },
  );
});

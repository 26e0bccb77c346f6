import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { waterLevel, type Claim } from './fair-shares.js';

const claims = fc.array(fc.record({ want: fc.nat(1e9), weight: fc.integer({ min: 1, max: 1000 }) }), { maxLength: 60 });
const capacities = fc.maxSafeNat().map((value) => value % 1e10);
/** What sums of floating-point numbers may be off by. */
const ROUNDING = 1e-9;

const sum = (all: readonly number[]): number => all.reduce((whole, one) => whole + one, 0);

/** What each gets where the water stands so high, in the order of the claims. */
function fairShares(capacity: number, all: readonly Claim[]): number[] {
  const level = waterLevel(capacity, all);
  return all.map(({ want, weight }) => Math.min(want, level * weight));
}

/** The slow twin: a little for everybody who still wants some, again and again. */
function poured(capacity: number, all: readonly Claim[], rounds: number): number[] {
  const shares = all.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const thirsty = all.map(({ want }, index) => want - shares[index]! > 0);
    const weights = sum(all.map(({ weight }, index) => (thirsty[index] === true ? weight : 0)));
    const left = capacity - sum(shares);
    if (weights === 0 || left <= 0) break;
    for (const [index, { want, weight }] of all.entries()) {
      if (thirsty[index] === true) shares[index] = Math.min(want, shares[index]! + (left * weight) / weights);
    }
  }
  return shares;
}

describe('shares that are fair', () => {
  test('give whoever wants little all of it, and the others the rest, by their weights', () => {
    const equal = [10, 200, 30, 400].map((want) => ({ want, weight: 1 }));
    expect(fairShares(240, equal)).toEqual([10, 100, 30, 100]);
    const weighted = [
      { want: 1000, weight: 3 },
      { want: 1000, weight: 1 },
      { want: 20, weight: 1 },
    ];
    expect(fairShares(420, weighted)).toEqual([300, 100, 20]);
    expect([waterLevel(640, equal), waterLevel(0, []), fairShares(0, equal)]).toEqual([
      Infinity,
      Infinity,
      [0, 0, 0, 0],
    ]);
  });

  test('never exceed the capacity, leave none of it where somebody wants more, and nobody gets more than it wants', () => {
    fc.assert(
      fc.property(capacities, claims, (capacity, all) => {
        const shares = fairShares(capacity, all);
        const wanted = sum(all.map(({ want }) => want));
        expect(sum(shares)).toBeLessThanOrEqual(capacity * (1 + ROUNDING));
        expect(sum(shares)).toBeGreaterThanOrEqual(Math.min(capacity, wanted) * (1 - ROUNDING));
        shares.forEach((share, index) => expect(share).toBeLessThanOrEqual(all[index]!.want));
      }),
    );
  });

  test('give nobody who wants more less than another has, per weight', () => {
    fc.assert(
      fc.property(capacities, claims, (capacity, all) => {
        const each = fairShares(capacity, all).map((share, index) => ({ ...all[index]!, share }));
        const per = ({ share, weight }: { share: number; weight: number }): number => share / weight;
        for (const one of each.filter(({ share, want }) => share < want)) {
          for (const other of each) expect(per(one)).toBeGreaterThanOrEqual(per(other) * (1 - ROUNDING));
        }
      }),
    );
  });

  test('are those that pouring little by little gives', () => {
    fc.assert(
      fc.property(capacities, claims, (capacity, all) => {
        const slow = poured(capacity, all, 200);
        fairShares(capacity, all).forEach((share, index) => {
          expect(Math.abs(share - slow[index]!)).toBeLessThanOrEqual(1e-6 * (1 + capacity));
        });
      }),
    );
  });
});

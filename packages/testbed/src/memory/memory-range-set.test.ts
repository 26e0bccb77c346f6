import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MemoryRangeSet } from './memory-range-set.js';

test('a range set is a set, in ranges that neither touch nor overlap', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { maxLength: 100 }), (values) => {
      const ranges = new MemoryRangeSet();
      const twin = new Set<number>();
      for (const value of values) {
        expect(ranges.add(value)).toBe(!twin.has(value));
        twin.add(value);
      }
      const all = ranges.newest(1000);
      const members = all.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      expect(members).toEqual([...twin].sort((a, b) => a - b));
      for (let i = 1; i < all.length; i++) expect(all[i]?.[0]).toBeGreaterThan((all[i - 1]?.[1] ?? 0) + 1);
    }),
  );
});

test('it gives and keeps the newest', () => {
  const ranges = new MemoryRangeSet();
  for (const value of [1, 2, 5, 9, 8]) ranges.add(value);
  expect(ranges.newest(2)).toEqual([
    [5, 5],
    [8, 9],
  ]);
  ranges.keepNewest(1);
  expect(ranges.newest(9)).toEqual([[8, 9]]);
});

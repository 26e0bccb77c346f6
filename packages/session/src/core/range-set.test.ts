import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RangeSet } from './range-set.js';

const SPAN = 60;
const range = fc.tuple(fc.nat(SPAN), fc.nat(12)).map(([start, length]) => ({ start, end: start + length }));

describe('RangeSet', () => {
  it('agrees with a plain set of numbers', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), range, (added, asked) => {
        const set = new RangeSet();
        const twin = new Set<number>();
        for (const { start, end } of added) {
          const before = twin.size;
          for (let offset = start; offset < end; offset++) twin.add(offset);
          expect(set.add(start, end)).toBe(twin.size - before);
          expect(set.size).toBe(twin.size);
        }
        let covered = true;
        for (let offset = asked.start; offset < asked.end; offset++) covered &&= twin.has(offset);
        expect(set.covers(asked.start, asked.end)).toBe(covered);
        for (let offset = -1; offset <= SPAN + 13; offset++) expect(set.has(offset)).toBe(twin.has(offset));
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with a plain set after ranges were taken out, and says what overlaps', () => {
    const change = fc.record({ add: fc.boolean(), range });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), range, (changes, asked) => {
        const set = new RangeSet();
        const twin = new Set<number>();
        for (const { add, range: bytes } of changes) {
          for (let offset = bytes.start; offset < bytes.end; offset++) twin[add ? 'add' : 'delete'](offset);
          set[add ? 'add' : 'remove'](bytes.start, bytes.end);
          expect(set.size).toBe(twin.size);
        }
        for (let offset = -1; offset <= SPAN + 13; offset++) expect(set.has(offset)).toBe(twin.has(offset));
        let overlaps = false;
        for (let offset = asked.start; offset < asked.end; offset++) overlaps ||= twin.has(offset);
        expect(set.overlaps(asked.start, asked.end)).toBe(overlaps);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps sorted, disjoint ranges that do not touch', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), (added) => {
        const set = new RangeSet();
        for (const { start, end } of added) set.add(start, end);
        const ranges = set.ranges();
        expect(set.rangeCount).toBe(ranges.length);
        for (const [index, { start, end }] of ranges.entries()) {
          expect(end).toBeGreaterThan(start);
          if (index > 0) expect(start).toBeGreaterThan(ranges[index - 1]!.end);
        }
      }),
    );
  });

  it('takes an empty or inverted range for nothing', () => {
    const set = new RangeSet();
    expect(set.add(5, 5)).toBe(0);
    expect(set.add(5, 3)).toBe(0);
    expect(set.rangeCount).toBe(0);
    expect(set.covers(7, 7)).toBe(true);
    expect(set.has(0)).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SegmentList, type Span } from './segment-list.js';

const span = (start: number, length = 1): Span => ({ start, data: new Uint8Array(length) });

/** The slow, obvious twin: a sorted array. */
class SortedSpans {
  readonly all: Span[] = [];

  insert(segment: Span): void {
    this.all.push(segment);
    this.all.sort((a, b) => a.start - b.start);
  }
}

describe('SegmentList', () => {
  it('keeps the same order as a sorted array, whatever is inserted and taken in which order', () => {
    const steps = fc.array(fc.oneof(fc.nat(5000), fc.constant('shift' as const)), { maxLength: 1500 });
    fc.assert(
      fc.property(steps, (chosen) => {
        const list = new SegmentList<Span>();
        const twin = new SortedSpans();
        for (const step of chosen) {
          if (step === 'shift') {
            expect(list.shift()).toBe(twin.all.shift());
            continue;
          }
          const start = 2 * step;
          const place = list.seek(start);
          const next = twin.all.find((each) => each.start + each.data.length > start);
          expect(list.at(place)).toBe(next);
          expect(list.before(place)).toBe(next === undefined ? twin.all.at(-1) : twin.all[twin.all.indexOf(next) - 1]);
          if (next?.start === start) continue;
          const segment = span(start);
          list.insert(place, segment);
          twin.insert(segment);
          expect(list.at(place)).toBe(next);
          expect(list.before(place)).toBe(segment);
        }
        expect([...list]).toEqual(twin.all);
        expect(list.size).toBe(twin.all.length);
        expect(list.first()).toBe(twin.all[0]);
      }),
      { numRuns: 100 },
    );
  });

  it('goes through all from a place on', () => {
    const list = new SegmentList<Span>();
    for (let start = 999; start >= 0; start--) list.insert(list.seek(10 * start), span(10 * start));
    const place = list.seek(5000);
    const starts: number[] = [];
    for (let each = list.at(place); each !== undefined; each = list.at(place)) {
      starts.push(each.start);
      list.advance(place);
    }
    expect(starts).toEqual(Array.from({ length: 500 }, (_, index) => 5000 + 10 * index));
    list.clear();
    expect([list.size, [...list].length, list.first()]).toEqual([0, 0, undefined]);
  });
});

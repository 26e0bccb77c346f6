import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { Fifo } from './fifo.js';
import { TimeHeap } from './time-heap.js';

describe('Fifo', () => {
  test('is an array with push and shift', () => {
    const step = fc.oneof(fc.nat(), fc.constantFrom('shift' as const, 'replace' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const fifo = new Fifo<number>();
        const twin: number[] = [];
        for (const one of steps) {
          if (typeof one === 'number') {
            fifo.push(one);
            twin.push(one);
          } else if (one === 'shift') expect(fifo.shift()).toBe(twin.shift());
          else {
            fifo.replaceFirst(-1);
            if (twin.length > 0) twin[0] = -1;
          }
          expect(fifo.length).toBe(twin.length);
          expect(fifo.peek()).toBe(twin[0]);
        }
      }),
    );
  });

  test('gives memory back while it is used', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 100_000; i++) {
      fifo.push(i);
      if (fifo.shift() !== i) throw new Error(`${i} did not come out`);
    }
    fifo.push(1);
    fifo.clear();
    expect([fifo.length, fifo.shift()]).toEqual([0, undefined]);
  });
});

describe('TimeHeap', () => {
  test('gives what was put in by time, then by order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), fc.nat(3), (times, dropped) => {
        const heap = new TimeHeap<number>();
        times.forEach((timeMs, index) => heap.push(timeMs, index));
        heap.filter((index) => index % 4 !== dropped);
        const expected = times.map((timeMs, index) => ({ timeMs, index })).filter(({ index }) => index % 4 !== dropped);
        expected.sort((a, b) => a.timeMs - b.timeMs || a.index - b.index);
        for (const { timeMs, index } of expected) {
          expect(heap.firstMs).toBe(timeMs);
          expect(heap.peek()).toBe(index);
          expect(heap.pop()).toBe(index);
        }
        expect([heap.size, heap.firstMs, heap.pop()]).toEqual([0, Infinity, undefined]);
      }),
    );
  });
});

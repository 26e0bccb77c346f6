import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LEVEL_COUNT } from './priorities.js';
import { MAX_PASSED_OVER, SendQueue } from './send-queue.js';

interface Item {
  readonly level: number;
  readonly serial: number;
}

const operations = fc.array(fc.oneof(fc.constant('shift' as const), fc.nat(LEVEL_COUNT - 1)), { maxLength: 400 });

/** Runs pushes (a level) and shifts, and reports each item taken with what was still queued then. */
function run(steps: readonly ('shift' | number)[]) {
  const queue = new SendQueue<Item>();
  const waiting: Item[] = [];
  const taken: { item: Item; before: readonly Item[] }[] = [];
  for (const [serial, step] of steps.entries()) {
    if (step === 'shift') {
      const item = queue.shift();
      if (item === undefined) {
        expect(waiting).toEqual([]);
        continue;
      }
      taken.push({ item, before: [...waiting] });
      waiting.splice(waiting.indexOf(item), 1);
    } else {
      waiting.push({ level: step, serial });
      queue.push(step, waiting.at(-1) as Item);
    }
  }
  return taken;
}

describe('SendQueue', () => {
  test('the most urgent level first', () => {
    const queue = new SendQueue<string>();
    queue.push(4, 'background');
    queue.push(2, 'normal');
    queue.push(0, 'critical');
    queue.push(2, 'normal, later');
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      'critical',
      'normal',
      'normal, later',
      'background',
      undefined,
    ]);
  });

  test('a level that was passed over often enough goes next, once', () => {
    const queue = new SendQueue<string>();
    queue.push(4, 'patient');
    queue.push(4, 'next');
    for (let count = 0; count < 3 * MAX_PASSED_OVER; count++) queue.push(0, 'urgent');
    const order = Array.from({ length: 2 * MAX_PASSED_OVER + 2 }, () => queue.shift());
    expect(order.indexOf('patient')).toBe(MAX_PASSED_OVER);
    expect(order.indexOf('next')).toBe(2 * MAX_PASSED_OVER + 1);
  });

  test('loses nothing, doubles nothing, and keeps the order within a level', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        for (const { item, before } of run(steps)) {
          expect(before.find(({ level }) => level === item.level)).toBe(item);
        }
      }),
    );
  });

  test('passes a more urgent level over only for one that has waited its time', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const passedOver = new Map<number, number>();
        for (const { item, before } of run(steps)) {
          const levels = new Set(before.map(({ level }) => level));
          const mostUrgent = Math.min(...levels);
          if (item.level !== mostUrgent) expect(passedOver.get(item.level)).toBeGreaterThanOrEqual(MAX_PASSED_OVER);
          for (const level of levels)
            passedOver.set(level, level === item.level ? 0 : (passedOver.get(level) ?? 0) + 1);
        }
      }),
    );
  });

  test('no head of a level waits for more than the stated number of others', () => {
    const bound = MAX_PASSED_OVER + LEVEL_COUNT - 1;
    const pushes = fc.array(fc.nat(LEVEL_COUNT - 1), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(pushes, (levels) => {
        const waits = new Map<number, number>();
        for (const { item, before } of run([...levels, ...levels.map(() => 'shift' as const)])) {
          for (const { level } of before) waits.set(level, waits.get(level) ?? 0);
          for (const [level, wait] of waits) {
            waits.set(level, level === item.level ? 0 : wait + 1);
            if (before.some((other) => other.level === level)) expect(wait).toBeLessThanOrEqual(bound);
          }
        }
      }),
    );
  });

  test('drops what is stale, wherever it stands', () => {
    const queue = new SendQueue<number>();
    for (let number = 0; number < 20; number++) queue.push(number % LEVEL_COUNT, number);
    const dropped: number[] = [];
    queue.dropWhere(
      (number) => number % 2 === 0,
      (number) => dropped.push(number),
    );
    expect(dropped.sort((a, b) => a - b)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(Array.from({ length: 11 }, () => queue.shift())).toEqual([5, 15, 1, 11, 7, 17, 3, 13, 9, 19, undefined]);
  });
});

import { expect, test } from '@jest/globals';
import { WorkerNumbers } from './worker-numbers.js';

test('numbers are given anew as late as possible, and never while somebody has them', () => {
  const numbers = new WorkerNumbers();
  const first = Array.from({ length: 256 }, () => numbers.take());
  expect(first).toEqual(Array.from({ length: 256 }, (_, number) => number));
  expect(numbers.take()).toBeUndefined();
  for (const number of [7, 3]) numbers.retire(number);
  expect(numbers.retired).toEqual([7, 3]);
  expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([3, 7, undefined]);
  expect(numbers.retired).toEqual([]);
});

import { expect, test } from '@jest/globals';
import { PathMemory } from './path-memory.js';

const HOUR_MS = 3_600_000;
const MEMO = { pipeBytes: 250_000, rttMs: 40 };

test('the newest that was seen is what is known, for an hour', () => {
  const memory = new PathMemory();
  memory.note('a', { pipeBytes: 1, rttMs: 1 }, 0);
  memory.note('a', MEMO, 10);
  expect(memory.take('a', 10 + HOUR_MS - 1)).toEqual(MEMO);
  expect(memory.take('a', 10 + 2 * HOUR_MS)).toBeUndefined();
  expect(memory.size).toBe(0);
});

test('of connections that begin at once one gets it', () => {
  const memory = new PathMemory();
  memory.note('a', MEMO, 0);
  expect(memory.take('a', 5_000)).toEqual(MEMO);
  // What the first one sees meanwhile changes nothing of that.
  memory.note('a', MEMO, 5_500);
  expect(memory.take('a', 5_999)).toBeUndefined();
  expect(memory.take('a', 6_000)).toEqual(MEMO);
});

test('what failed is forgotten', () => {
  const memory = new PathMemory();
  memory.note('a', MEMO, 0);
  memory.forget('a');
  expect(memory.take('a', 1)).toBeUndefined();
});

test('a thousand peers are remembered, those noted last', () => {
  const memory = new PathMemory();
  for (let peer = 0; peer < 1_030; peer++) memory.note(`${peer}`, MEMO, 0);
  memory.note('6', MEMO, 1);
  expect(memory.size).toBe(1_024);
  expect([memory.take('5', 2), memory.take('6', 2)]).toEqual([undefined, MEMO]);
});

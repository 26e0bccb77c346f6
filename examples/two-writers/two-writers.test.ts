import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import type { Plan } from './primary.js';
import { runTwoWriters } from './run.js';

jest.setTimeout(60_000);

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

type WriterOf = Plan['writerOf'];
const alternate: WriterOf = (index) => (index % 2 === 0 ? 'primary' : 'secondary');
const secondaryFirst: WriterOf = (index) => (index % 2 === 1 ? 'primary' : 'secondary');
const runs: WriterOf = (index) => (index % 7 < 3 ? 'primary' : 'secondary');
const irregular: WriterOf = (index) => (((index * 2654435761) >>> 7) % 3 === 0 ? 'primary' : 'secondary');

test.each<[string, number, number, WriterOf]>([
  // The first implementation of this plan stalled here, after 9 chunks.
  ['15 chunks in turns', 15 * 64 * 1024, 64 * 1024, alternate],
  ['15 chunks in turns, the secondary first', 15 * 64 * 1024, 64 * 1024, secondaryFirst],
  ['a single chunk of the secondary', 1000, 1000, secondaryFirst],
  ['a last chunk that is not full', 100_001, 1000, alternate],
  ['thousands of small chunks', 400_000, 100, alternate],
  ['runs of chunks', 3_000_000, 10_007, runs],
  ['an irregular order', 5_000_000, 33_333, irregular],
  ['all from the primary', 500_000, 10_000, () => 'primary'],
  ['all from the secondary', 3_000_000, 10_000, () => 'secondary'],
  ['more than all windows and buffers hold', 24_000_000, 1_000_000, alternate],
  ['chunks above the window of a stream', 40_000_000, 20_000_000, secondaryFirst],
])('two writers: %s', async (_what, size, chunkBytes, writerOf) => {
  const { bytes, from } = await runTwoWriters(randomBytes(size), { chunkBytes, writerOf });
  expect(bytes).toBe(size);
  let ofSecondary = 0;
  for (let at = 0, index = 0; at < size; at += chunkBytes, index++) {
    if (writerOf(index) === 'secondary') ofSecondary += Math.min(chunkBytes, size - at);
  }
  expect(from[1]).toBe(ofSecondary);
});

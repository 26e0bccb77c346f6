import { expect, test } from '@jest/globals';
import { cgroupLimit, nodeProcessMemory, oldGenerationLimit } from './node-process-memory.js';

const MB = 1024 * 1024;

test('the memory of this process is read, and leaves room to its limits', () => {
  const { heapBytes, heapLimitBytes, residentBytes, residentLimitBytes = Infinity } = nodeProcessMemory();
  expect(heapBytes).toBeGreaterThan(MB);
  expect(heapBytes).toBeLessThan(heapLimitBytes);
  expect(residentBytes).toBeGreaterThan(heapBytes);
  expect(residentBytes).toBeLessThan(residentLimitBytes);
});

test('a cgroup without a limit, or with one beyond the machine, sets none', () => {
  expect(cgroupLimit(512 * MB, 1024 * MB)).toBe(512 * MB);
  // What Node says of `max`, of version 1 without a limit, and where it does not know.
  for (const none of [2 ** 64, 2 ** 63 - 4096, 1024 * MB, 0, undefined]) {
    expect(cgroupLimit(none, 1024 * MB)).toBeUndefined();
  }
});

test('what V8 sets aside for the young generation is no room for what stays, and a small heap keeps half', () => {
  expect(oldGenerationLimit(248 * MB)).toBe(200 * MB);
  expect(oldGenerationLimit(64 * MB)).toBe(32 * MB);
});

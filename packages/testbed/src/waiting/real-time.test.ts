import { expect, test } from '@jest/globals';
import { pause, until } from './real-time.js';

test('until waits for what comes true, and gives up on what does not', async () => {
  let looks = 0;
  await until(() => ++looks === 3);
  expect(looks).toBe(3);
  await expect(until(() => false, 10)).rejects.toThrow('it did not happen within 10 ms');
});

test('pause takes its time', async () => {
  const startMs = performance.now();
  await pause(20);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(19);
});

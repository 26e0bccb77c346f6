import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { markWorker, workerOf } from './worker-mark.js';

test('an id carries the number of its worker, wherever it stands in a datagram', () => {
  for (const worker of [0, 1, 127, 128, 255]) {
    const id = markWorker(Uint8Array.from(randomBytes(8)), worker);
    expect(workerOf(id, 0)).toBe(worker);
    expect(workerOf(Uint8Array.from([0x40, ...id, 9, 9]), 1)).toBe(worker);
  }
});

test('an id of somebody who knows of no workers carries none, and neither does one that is cut short or was changed', () => {
  let taken = 0;
  for (let count = 0; count < 20_000; count++) if (workerOf(Uint8Array.from(randomBytes(8)), 0) !== undefined) taken++;
  expect(taken).toBeLessThan(10);
  const id = markWorker(new Uint8Array(8).fill(7), 3);
  expect(workerOf(id.subarray(0, 7), 0)).toBeUndefined();
  expect(workerOf(id, 1)).toBeUndefined();
  for (let at = 0; at < 8; at++)
    expect(
      workerOf(
        id.map((byte, i) => (i === at ? byte ^ 1 : byte)),
        0,
      ),
    ).toBeUndefined();
});

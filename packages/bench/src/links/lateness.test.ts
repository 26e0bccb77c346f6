import { expect, test } from '@jest/globals';
import { lateness } from './lateness.js';

test('each message is late by what it came behind the quickest one, also where several came at once', () => {
  const arrivals = [
    { atMs: 105, bytes: 100 },
    { atMs: 112, bytes: 150 },
    { atMs: 140, bytes: 200 },
  ];
  expect(lateness(arrivals, { messageBytes: 100, everyMs: 10 })).toEqual([3, 0, 18, 8]);
});

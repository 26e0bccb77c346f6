import { expect, test } from '@jest/globals';
import { ClaimedCapacity } from './claimed-capacity.js';

const MB = 1e6;

test('what a client claims is believed as far as there was content to come', () => {
  const claimed = new ClaimedCapacity({ isSending: true, offeredBytes: 10 * MB });
  claimed.report(0, 4 * MB, 5 * MB, 0);
  expect([claimed.carriedBytes(0, 1000), claimed.unmetBytesPerSecond(1)]).toEqual([4 * MB, MB]);
  claimed.report(1, 100 * MB, 2 ** 61, 1000);
  expect([claimed.carriedBytes(1, 2000), claimed.unmetBytesPerSecond(1001)]).toEqual([6 * MB, 7 * MB]);
  claimed.report(1, 100 * MB, 2 ** 61, 2000);
  expect([claimed.carriedBytes(1, 3000), claimed.unmetBytesPerSecond(2001)]).toEqual([6 * MB, MB]);
});

test('many reports in a second say no more than one does', () => {
  const claimed = new ClaimedCapacity({ isSending: true, offeredBytes: 1e12 });
  for (let ms = 0; ms <= 1000; ms++) claimed.report(0, MB, MB, ms);
  expect(claimed.carriedBytes(0, 2000)).toBeCloseTo(2 * MB);
});

test('without content under way nothing is wanted, and of paths that are gone nothing is kept', () => {
  const content = { isSending: false, offeredBytes: 10 * MB };
  const claimed = new ClaimedCapacity(content);
  claimed.report(3, MB, 2 * MB, 0);
  expect([claimed.flows(1), claimed.unmetBytesPerSecond(1)]).toEqual([true, 0]);
  content.isSending = true;
  expect(claimed.unmetBytesPerSecond(1)).toBe(MB);
  claimed.keepOnly([{ id: 0 }]);
  expect([claimed.flows(1), claimed.carriedBytes(3, 2)]).toEqual([false, 0]);
});

test('whoever looks once a second sees the same each time, whether no report came since, or two', () => {
  const claimed = new ClaimedCapacity({ isSending: true, offeredBytes: 1e12 });
  const seen: number[] = [];
  for (let second = 0; second < 20; second++) {
    // A little before and a little after the look, in turn.
    claimed.report(0, MB, 2 * MB, 1000 * second + (second % 2 === 0 ? 40 : -40));
    seen.push(claimed.carriedBytes(0, 1000 * (second + 1)));
  }
  const rates = seen.slice(1).map((bytes, index) => bytes - seen[index]!);
  for (const rate of rates) expect(Math.abs(rate - MB)).toBeLessThan(0.1 * MB);
});

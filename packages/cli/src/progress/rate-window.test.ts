import { expect, test } from '@jest/globals';
import { RateWindow } from './rate-window.js';

test('a rate needs two samples, and forgets what is older than the window', () => {
  const window = new RateWindow(1000);
  expect(window.rate()).toBe(0);
  window.add(0, 0);
  expect(window.rate()).toBe(0);
  window.add(500, 500);
  expect(window.rate()).toBe(1000);
  for (let now = 600; now <= 3000; now += 100) window.add(500, now);
  expect(window.rate()).toBe(0);
  window.add(700, 3100);
  expect(window.rate()).toBe(200);
});

test('two samples of one moment are no endless rate', () => {
  const window = new RateWindow();
  window.add(0, 5);
  window.add(100, 5);
  expect(window.rate()).toBe(0);
});

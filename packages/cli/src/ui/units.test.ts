import { describe, expect, test } from '@jest/globals';
import { count, formatBytes, formatPercent, formatRate, formatSeconds, rounded } from './units.js';

describe('numbers for people', () => {
  test.each([
    [0, '0 B'],
    [-5, '0 B'],
    [999, '999 B'],
    [999.6, '1.00 kB'],
    [1000, '1.00 kB'],
    [9994, '9.99 kB'],
    [9996, '10.0 kB'],
    [99_960, '100 kB'],
    [999_600, '1.00 MB'],
    [30_100_000, '30.1 MB'],
    [2e9, '2.00 GB'],
    [5e15, '5000 TB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [0, '0 kbit/s'],
    [62_500, '500 kbit/s'],
    [2_425_000, '19.4 Mbit/s'],
    [12_500_000, '100 Mbit/s'],
  ])('%d bytes per second are %s', (rate, text) => {
    expect(formatRate(rate)).toBe(text);
  });

  test.each([
    [0, '0.0 s'],
    [1250, '1.3 s'],
    [59_900, '59.9 s'],
    [60_000, '1 min 0 s'],
    [119_600, '2 min 0 s'],
    [3_600_000, '1 h 0 min'],
    [5_430_000, '1 h 30 min'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatSeconds(ms)).toBe(text);
  });

  test('percent, counts and rounding', () => {
    expect(formatPercent(0.456)).toBe('46 %');
    expect([count(1, 'file'), count(1000, 'file'), count(0, 'file')]).toEqual(['1 file', '1,000 files', '0 files']);
    expect(rounded(1.23456, 3)).toBe(1.235);
  });
});

import { describe, expect, test } from '@jest/globals';
import { aggregationBenefit, jain, mean, median, percentile, spread } from './stats.js';

describe('stats', () => {
  test('the median is the middle, or the mean of both middles, and does not sort as text', () => {
    expect(median([10, 9, 100])).toBe(10);
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('percentiles are linear between ranks', () => {
    const numbers = Array.from({ length: 101 }, (_, index) => 100 - index);
    expect(percentile(numbers, 99)).toBe(99);
    expect(percentile([0, 10], 25)).toBe(2.5);
    expect(percentile([7], 99)).toBe(7);
    expect(percentile([1, 2, 3], 150)).toBe(3);
  });

  test('the input is left as it was', () => {
    const numbers = [3, 1, 2];
    median(numbers);
    expect(numbers).toEqual([3, 1, 2]);
  });

  test('the mean', () => {
    expect(mean([1, 2, 6])).toBe(3);
  });

  test("Jain's index", () => {
    expect(jain([5, 5, 5, 5])).toBe(1);
    expect(jain([1, 0, 0, 0])).toBe(0.25);
    expect(jain([1, 3])).toBeCloseTo(0.8, 12);
    expect(jain([0, 0])).toBe(1);
  });

  test('aggregation benefit: sum 1, best path 0, nothing -1', () => {
    expect(aggregationBenefit(30, 20, 30)).toBe(1);
    expect(aggregationBenefit(25, 20, 30)).toBe(0.5);
    expect(aggregationBenefit(20, 20, 30)).toBe(0);
    expect(aggregationBenefit(10, 20, 30)).toBe(-0.5);
    expect(aggregationBenefit(0, 20, 30)).toBe(-1);
    expect(aggregationBenefit(20, 20, 20)).toBe(0);
  });

  test('the spread is half the range', () => {
    expect(spread([90, 100, 110])).toBe('±10 %');
    expect(spread([5])).toBe('');
    expect(spread([0, 0])).toBe('');
  });
});

import { describe, expect, test } from '@jest/globals';
import { makeAxis, tickLabel } from './axis.js';

describe('axis', () => {
  test('a linear one begins at zero and ends at a tick above the data', () => {
    const axis = makeAxis({ label: 'x' }, [3, 47], 0, 100);
    expect(axis.ticks).toEqual([0, 10, 20, 30, 40, 50]);
    expect([0, 25, 50].map((value) => axis.at(value))).toEqual([0, 50, 100]);
  });

  test('ends that are told hold, and what lies beyond them is put there', () => {
    const axis = makeAxis({ label: 'x', min: 10, max: 20 }, [0, 100], 0, 100);
    expect(axis.ticks).toEqual([10, 12, 14, 16, 18, 20]);
    expect([5, 15, 1000].map((value) => axis.at(value))).toEqual([0, 50, 100]);
  });

  test('negative values extend it', () => {
    expect(makeAxis({ label: 'x' }, [-1, 1], 0, 100).ticks).toEqual([-1, -0.5, 0, 0.5, 1]);
  });

  test('a logarithmic one has decades, and steps between few of them', () => {
    const wide = makeAxis({ label: 'x', log: true }, [1, 10_000], 0, 100);
    expect(wide.ticks).toEqual([1, 10, 100, 1000, 10_000]);
    expect(wide.at(100)).toBeCloseTo(50, 9);
    expect(wide.has(0)).toBe(false);
    expect(makeAxis({ label: 'x', log: true }, [10, 100], 0, 100).ticks).toEqual([10, 20, 50, 100]);
  });

  test('no data, one value and fractions are no trouble', () => {
    expect(makeAxis({ label: 'x' }, [], 0, 100).at(1)).toBe(100);
    expect(makeAxis({ label: 'x' }, [NaN, Infinity], 0, 100).ticks.length).toBeGreaterThan(2);
    expect(makeAxis({ label: 'x' }, [0], 0, 100).at(0)).toBe(0);
    expect(makeAxis({ label: 'x', log: true }, [5], 0, 100).at(5)).toBe(0);
    expect(makeAxis({ label: 'x' }, [0.3], 0, 100).ticks).toEqual([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]);
  });

  test('labels are short', () => {
    expect([0, 0.25, 1500, 20_000, 3e6].map(tickLabel)).toEqual(['0', '0.25', '1500', '20k', '3M']);
  });
});

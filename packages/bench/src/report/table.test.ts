import { describe, expect, test } from '@jest/globals';
import type { Row } from '../part.js';
import { formatNumber, formatTable } from './table.js';
import { judge, ratioOf } from './verdict.js';

const row: Row = {
  name: 'goodput',
  value: 90,
  unit: 'MB/s',
  reference: { name: 'minimal', value: 100 },
  target: { of: 'ratio', atLeast: 0.9 },
};

describe('verdict', () => {
  test('a ratio is value to reference unless the row has its own', () => {
    expect(ratioOf(row)).toBe(0.9);
    expect(ratioOf({ ...row, ratio: 0.5 })).toBe(0.5);
    expect(ratioOf({ name: 'x', value: 1, unit: '' })).toBeUndefined();
  });

  test('targets are bounds, and belong to them', () => {
    expect(judge(row)).toBe('met');
    expect(judge({ ...row, value: 89 })).toBe('missed');
    expect(judge({ name: 'gap', value: 51, unit: 'ms', target: { of: 'value', atMost: 50 } })).toBe('missed');
    expect(judge({ name: 'gap', value: 50, unit: 'ms', target: { of: 'value', atMost: 50 } })).toBe('met');
    expect(judge({ name: 'x', value: 1, unit: '' })).toBe('none');
  });

  test('what is not a number, or has no ratio to judge, misses', () => {
    expect(judge({ ...row, value: NaN })).toBe('missed');
    expect(judge({ name: 'x', value: 1, unit: '', target: { of: 'ratio', atLeast: 0 } })).toBe('missed');
  });
});

describe('table', () => {
  test('numbers have three significant digits', () => {
    expect([0, 0.01234, 1.234, 12.34, 123.4, 12345, NaN].map(formatNumber)).toEqual([
      '0',
      '0.0123',
      '1.23',
      '12.3',
      '123',
      '12345',
      'NaN',
    ]);
  });

  test('a missed target is shown', () => {
    const text = formatTable([
      { part: 'driver', row },
      { part: 'session', row: { ...row, value: 10, note: '±2 %' } },
    ]);
    expect(text).toMatch(/driver +goodput +90\.0 +MB\/s +minimal 100 +0\.900 +ratio ≥ 0\.9 +met$/m);
    expect(text).toMatch(/session +goodput +10\.0 +MB\/s .* MISSED +±2 %$/m);
  });
});

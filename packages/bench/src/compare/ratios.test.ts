import { describe, expect, test } from '@jest/globals';
import type { Row } from '../part.js';
import { compareRounds, isRegression, type MeasuredRow } from './ratios.js';

const goodput = (value: number, changes: Partial<Row> = {}): MeasuredRow => ({
  part: 'driver',
  row: { name: 'goodput', value, unit: 'MB/s', reference: { name: 'minimal', value: 100 }, ...changes },
});
const latency = (value: number): MeasuredRow => goodput(value, { unit: 'ms', target: { of: 'ratio', atMost: 1.3 } });
/** Goodput always 10 of 20; a ratio of its own scale. */
const benefit = (ratio: number): MeasuredRow => goodput(50, { ratio, target: { of: 'ratio', atLeast: 0 } });

/** One round each. */
const compare = (base: MeasuredRow, head: MeasuredRow) => compareRounds([[base]], [[head]])[0];

describe('comparison of base and head', () => {
  test('a ratio may lose up to a tenth of itself', () => {
    expect(compare(goodput(80), goodput(72))).toMatchObject({ change: 'same', base: 0.8, head: 0.72 });
    expect(compare(goodput(80), goodput(71))).toMatchObject({ change: 'worse' });
    expect(compare(goodput(80), goodput(89))).toMatchObject({ change: 'better' });
    expect(compare(goodput(5), goodput(4))).toMatchObject({ change: 'worse' });
  });

  test('where the target is an upper bound, less is better', () => {
    expect(compare(latency(100), latency(111))).toMatchObject({ change: 'worse' });
    expect(compare(latency(100), latency(50))).toMatchObject({ change: 'better' });
    const told = (value: number) => goodput(value, { unit: 's/GB', lessIsBetter: true });
    expect(compare(told(10), told(12))).toMatchObject({ change: 'worse' });
  });

  test('absolute figures do not matter: both got slower alike', () => {
    const slow = goodput(40, { reference: { name: 'minimal', value: 50 } });
    expect(compare(goodput(80), slow)).toMatchObject({ change: 'same', loss: 0 });
    const absolute = goodput(80);
    const { reference: _, ...row } = absolute.row;
    expect(compare({ ...absolute, row }, { ...absolute, row: { ...row, value: 1 } })).toMatchObject({
      change: 'unjudged',
    });
  });

  test('a number without a unit is judged like a ratio', () => {
    const fairness = (value: number): MeasuredRow => ({ part: 'streams', row: { name: 'Jain', value, unit: '' } });
    expect(compare(fairness(1), fairness(0.8))).toMatchObject({ change: 'worse', loss: expect.closeTo(0.2, 9) });
  });

  test('a benefit around zero is judged on its own scale', () => {
    expect(compare(benefit(0.05), benefit(0.02))).toMatchObject({ change: 'same' });
    expect(compare(benefit(0.02), benefit(-0.05))).toMatchObject({ change: 'same' });
    expect(compare(benefit(0), benefit(-0.2))).toMatchObject({ change: 'worse' });
    expect(compare(benefit(0.9), benefit(0.75))).toMatchObject({ change: 'worse' });
  });

  test('the median of the pairs counts, not one bad round', () => {
    const rounds = (...values: number[]) => values.map((value) => [goodput(value)]);
    expect(compareRounds(rounds(80, 80, 80), rounds(20, 79, 80))[0]).toMatchObject({ change: 'same' });
    // The machine got slower from round to round, for both.
    expect(compareRounds(rounds(80, 40, 20), rounds(79, 39, 20))[0]).toMatchObject({ change: 'same' });
    expect(compareRounds(rounds(80, 40, 20), rounds(60, 30, 20))[0]).toMatchObject({ change: 'worse' });
  });

  test('rows are matched by part and name; those of one side are told, and no regression', () => {
    const other = { ...goodput(10), part: 'session' };
    const comparisons = compareRounds([[goodput(80), other]], [[goodput(80), { ...goodput(80), part: 'new' }]]);
    expect(comparisons.map(({ part, change }) => [part, change])).toEqual([
      ['driver', 'same'],
      ['session', 'gone'],
      ['new', 'new'],
    ]);
    expect(isRegression(comparisons)).toBe(false);
    expect(isRegression([...comparisons, compare(goodput(80), goodput(10))!])).toBe(true);
  });

  test('what is no number any more is worse', () => {
    expect(compare(goodput(80), goodput(NaN))).toMatchObject({ change: 'worse' });
  });
});

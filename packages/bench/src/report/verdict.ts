import type { Row } from '../part.js';

export type Verdict = 'met' | 'missed' | 'none';

/** Whether a row reaches its target. A figure that is not a number misses it. */
export function judge(row: Row): Verdict {
  const { target } = row;
  if (target === undefined) return 'none';
  const figure = target.of === 'ratio' ? ratioOf(row) : row.value;
  const enough = target.atLeast === undefined || (figure ?? NaN) >= target.atLeast;
  const notTooMuch = target.atMost === undefined || (figure ?? NaN) <= target.atMost;
  return enough && notTooMuch ? 'met' : 'missed';
}

/** The row's own ratio, or its value to its reference's. */
export function ratioOf(row: Row): number | undefined {
  return row.ratio ?? (row.reference === undefined ? undefined : row.value / row.reference.value);
}

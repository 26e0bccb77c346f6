import { median } from '../harness/stats.js';
import type { Row } from '../part.js';
import { ratioOf } from '../report/verdict.js';

/** A row as one run gave it. */
export interface MeasuredRow {
  readonly part: string;
  readonly row: Row;
}

type Change = 'worse' | 'same' | 'better' | 'new' | 'gone' | 'unjudged';

/** What became of one row from base to head. */
export interface Comparison {
  readonly part: string;
  readonly name: string;
  readonly change: Change;
  /** Medians over the rounds; of the ratio, or of a plain number; undefined on the side that lacks the row. */
  readonly base: number | undefined;
  readonly head: number | undefined;
  /** Median over the rounds of what was lost, as a share of the base: 0.1 is ten per cent worse, negative is better. */
  readonly loss: number | undefined;
}

/** More than noise within one run, interleaved, on a machine that does other things besides. */
export const MAX_LOSS = 0.1;
/** Of binary fractions. */
const DUST = 1e-9;
/** How far a ratio may be from the quotient of its row, which is rounded in between. */
const QUOTIENT_TOLERANCE = 0.05;

/**
 * Matches the rows of rounds of base and head by part and name. The rounds of both sides belong together in pairs:
 * neighbours in time saw the same machine, so each pair is compared and the median of the pairs counts.
 */
export function compareRounds(
  base: readonly (readonly MeasuredRow[])[],
  head: readonly (readonly MeasuredRow[])[],
): Comparison[] {
  const keys = new Map<string, MeasuredRow>();
  for (const each of [...base.flat(), ...head.flat()]) keys.set(keyOf(each), each);
  return [...keys].map(([key, { part, row }]) => {
    const find = (rounds: readonly (readonly MeasuredRow[])[]): (Row | undefined)[] =>
      rounds.map((rows) => rows.find((each) => keyOf(each) === key)?.row);
    return { part, name: row.name, ...compareRow(find(base), find(head)) };
  });
}

/** Whether head may not be merged. */
export function isRegression(comparisons: readonly Comparison[]): boolean {
  return comparisons.some(({ change }) => change === 'worse');
}

function compareRow(
  base: readonly (Row | undefined)[],
  head: readonly (Row | undefined)[],
): Omit<Comparison, 'part' | 'name'> {
  const before = figuresOf(base);
  const after = figuresOf(head);
  const medians = { base: medianOrNone(before), head: medianOrNone(after) };
  if (!base.some(isThere)) return { ...medians, loss: undefined, change: 'new' };
  if (!head.some(isThere)) return { ...medians, loss: undefined, change: 'gone' };
  const losses = base.flatMap((row, round) => {
    const other = head[round];
    return row === undefined || other === undefined ? [] : [lossBetween(row, other)];
  });
  const known = losses.filter((loss) => loss !== undefined);
  if (known.length === 0) return { ...medians, loss: undefined, change: 'unjudged' };
  const loss = median(known);
  // What is not a number any more is worse than any number.
  const change = !(loss <= MAX_LOSS + DUST) ? 'worse' : loss < -MAX_LOSS ? 'better' : 'same';
  return { ...medians, loss, change };
}

/** The share that was lost; undefined for rows that have nothing but an absolute figure, which machines decide. */
function lossBetween(base: Row, head: Row): number | undefined {
  const before = figureOf(base);
  const after = figureOf(head);
  if (before === undefined) return undefined;
  if (after === undefined) return NaN;
  const change = lessIsBetter(head) ? after - before : before - after;
  if (before === after) return 0;
  // A benefit may be zero or less: it has a scale of its own, on which 1 is the whole.
  return change / (isQuotient(base) ? Math.abs(before) : Math.max(1, Math.abs(before)));
}

/** The ratio, or a number without a unit, which is as good. */
function figureOf(row: Row): number | undefined {
  return ratioOf(row) ?? (row.unit === '' ? row.value : undefined);
}

function lessIsBetter({ target, lessIsBetter: told }: Row): boolean {
  return target === undefined ? told === true : target.atMost !== undefined && target.atLeast === undefined;
}

/** Whether the ratio is the value to its reference, or the other way round. */
function isQuotient(row: Row): boolean {
  if (row.reference === undefined) return row.ratio === undefined;
  const ratio = ratioOf(row) ?? NaN;
  const quotient = row.value / row.reference.value;
  return [quotient, 1 / quotient].some((each) => Math.abs(ratio - each) <= QUOTIENT_TOLERANCE * Math.abs(each));
}

function figuresOf(rows: readonly (Row | undefined)[]): number[] {
  return rows.flatMap((row) => (row === undefined ? [] : [figureOf(row) ?? row.value]));
}

function medianOrNone(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : median(numbers);
}

function keyOf({ part, row }: MeasuredRow): string {
  return `${part}\n${row.name}`;
}

function isThere(row: Row | undefined): boolean {
  return row !== undefined;
}

import type { Row, Target } from '../part.js';
import { judge, ratioOf } from './verdict.js';

const HEAD = ['part', 'name', 'value', 'unit', 'reference', 'ratio', 'target', '', 'note'];
/** Columns of numbers stand at the right. */
const RIGHT: ReadonlySet<number> = new Set([2, 5]);

/** Rows as lines of text, in columns, a blank line between parts. */
export function formatTable(rows: readonly { readonly part: string; readonly row: Row }[]): string {
  const cells = [HEAD, ...rows.map(({ part, row }) => toCells(part, row))];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => [...(line[column] ?? '')].length)));
  return cells
    .map((line, index) => {
      const gap = index > 1 && line[0] !== cells[index - 1]?.[0] ? '\n' : '';
      return (
        gap +
        line
          .map((cell, column) => pad(cell, widths[column] ?? 0, RIGHT.has(column)))
          .join('  ')
          .trimEnd()
      );
    })
    .join('\n');
}

/** Three significant digits, more only before the point: 0.0123, 1.23, 12.3, 123, 1234. */
export function formatNumber(number: number): string {
  if (!Number.isFinite(number)) return String(number);
  if (number === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toFixed(Math.min(6, digits));
}

function formatTarget({ of, atLeast, atMost }: Target): string {
  const bounds = [...(atLeast === undefined ? [] : [`≥ ${atLeast}`]), ...(atMost === undefined ? [] : [`≤ ${atMost}`])];
  return `${of === 'ratio' ? 'ratio ' : ''}${bounds.join(', ')}`;
}

function toCells(part: string, row: Row): string[] {
  const ratio = ratioOf(row);
  const verdict = judge(row);
  return [
    part,
    row.name,
    formatNumber(row.value),
    row.unit,
    row.reference === undefined ? '' : `${row.reference.name} ${formatNumber(row.reference.value)}`,
    ratio === undefined ? '' : formatNumber(ratio),
    row.target === undefined ? '' : formatTarget(row.target),
    verdict === 'none' ? '' : verdict === 'met' ? 'met' : 'MISSED',
    row.note ?? '',
  ];
}

function pad(text: string, width: number, right: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - [...text].length));
  return right ? blank + text : text + blank;
}

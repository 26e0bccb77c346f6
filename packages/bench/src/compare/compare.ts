import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Options } from '../options.js';
import type { Row } from '../part.js';
import { formatNumber } from '../report/table.js';
import { checkOutBase } from './base-checkout.js';
import { runProgram } from './process.js';
import { type Comparison, compareRounds, type MeasuredRow } from './ratios.js';

/** Of the JSON that a run writes, what counts here. */
interface Report {
  readonly parts: readonly { readonly part: string; readonly rows: readonly Row[]; readonly failure?: string }[];
}

/**
 * Runs the parts for `ref` and for this checkout in turn, round by round, each in a process of its own; which of them
 * begins changes with the round. Throws when either cannot be run.
 */
export async function compareWith(
  root: string,
  ref: string,
  options: Options,
  log: (line: string) => void,
): Promise<Comparison[]> {
  await using checkout = await checkOutBase(root, ref, log);
  const folder = await mkdtemp(join(tmpdir(), 'kwik-compare-'));
  try {
    const base: MeasuredRow[][] = [];
    const head: MeasuredRow[][] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const sides = [
        { name: 'base', in: checkout.folder, rounds: base },
        { name: 'head', in: root, rounds: head },
      ];
      for (const side of round % 2 === 0 ? sides : sides.reverse()) {
        log(`round ${round + 1}: ${side.name}`);
        side.rounds.push(await measure(side.in, join(folder, `${side.name}-${round}.json`), options));
      }
    }
    return compareRounds(base, head);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function formatComparisons(comparisons: readonly Comparison[]): string {
  const head = ['', 'part', 'name', 'base', 'head', 'loss'];
  const lines = comparisons.map(({ part, name, change, base, head: now, loss }) => [
    change === 'worse' ? 'WORSE' : change,
    part,
    name,
    base === undefined ? '' : formatNumber(base),
    now === undefined ? '' : formatNumber(now),
    loss === undefined ? '' : `${(loss * 100).toFixed(1)} %`,
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => [...(line[column] ?? '')].length)),
  );
  return [head, ...lines]
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function measure(root: string, json: string, options: Options): Promise<MeasuredRow[]> {
  const main = join('packages', 'bench', 'dist', 'main.js');
  const args = [main, ...options.parts, '--rounds', '1', '--rows', options.rows.source, '--json', json];
  await runProgram(process.execPath, options.quick ? [...args, '--quick'] : args, { cwd: root, live: true });
  const report = JSON.parse(await readFile(json, 'utf8')) as Report;
  return report.parts.flatMap(({ part, rows }) => rows.map((row) => ({ part, row })));
}

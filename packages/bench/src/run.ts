import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Options } from './options.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import type { MachineFacts } from './report/machine.js';
import { judge, ratioOf } from './report/verdict.js';

/** One part as it went. */
export interface PartReport {
  readonly part: string;
  readonly seconds: number;
  readonly result: PartResult;
  /** Why it broke off. */
  readonly failure?: string;
}

/** Runs the parts in turn; one that throws does not keep the others from running. */
export async function runParts(
  parts: readonly Part[],
  options: Options,
  log: (line: string) => void,
): Promise<PartReport[]> {
  const reports: PartReport[] = [];
  for (const part of parts) {
    const context: PartContext = {
      rounds: options.rounds,
      quick: options.quick,
      cpuProfileFolder: options.cpuProf,
      log: (line) => log(`${part.name}: ${line}`),
      wanted: (rowName) => options.rows.test(rowName),
    };
    const start = performance.now();
    const outcome = await run(part, context);
    reports.push({ part: part.name, seconds: (performance.now() - start) / 1000, ...outcome });
  }
  return reports;
}

async function run(part: Part, context: PartContext): Promise<{ result: PartResult; failure?: string }> {
  try {
    const result = await part.run(context);
    const rows = result.rows.filter(({ name }) => context.wanted(name));
    const failure = result.failures?.join('; ') ?? '';
    return { result: { ...result, rows }, ...(failure !== '' && { failure }) };
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    context.log(failure);
    return { result: { rows: [] }, failure };
  }
}

/** All figures and the machine, for other programs. */
export function toJson(reports: readonly PartReport[], machine: MachineFacts, options: Options): string {
  const parts = reports.map(({ part, seconds, result, failure }) => ({
    part,
    seconds: Math.round(seconds * 10) / 10,
    rows: result.rows.map((row) => ({ ...row, ...withRatio(row), verdict: judge(row) })),
    skipped: result.skipped ?? [],
    ...(failure === undefined ? {} : { failure }),
  }));
  const { rounds, quick } = options;
  return `${JSON.stringify({ machine, rounds, quick, parts }, null, 2)}\n`;
}

export async function writePlots(reports: readonly PartReport[], folder: string): Promise<number> {
  const plots = reports.flatMap(({ result }) => result.plots ?? []);
  await mkdir(folder, { recursive: true });
  for (const { name, svg } of plots) await writeFile(join(folder, `${name}.svg`), svg);
  return plots.length;
}

export async function writeText(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function withRatio(row: Row): { ratio?: number } {
  const ratio = ratioOf(row);
  return ratio === undefined ? {} : { ratio };
}

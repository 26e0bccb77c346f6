/**
 * `pnpm bench`: exit status 0 when all parts ran, 1 when one broke off or a comparison found a loss, 2 when the command
 * line is wrong.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareWith, formatComparisons } from './compare/compare.js';
import { isRegression, MAX_LOSS } from './compare/ratios.js';
import { type Options, parseOptions, USAGE, UsageError } from './options.js';
import { PARTS } from './parts/index.js';
import { machineFacts } from './report/machine.js';
import { formatTable } from './report/table.js';
import { type PartReport, runParts, toJson, writePlots, writeText } from './run.js';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const EXIT = { broken: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

process.once('SIGINT', () => process.exit(EXIT.interrupted));
process.once('SIGTERM', () => process.exit(EXIT.terminated));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const names = PARTS.map(({ name }) => name);
    const options = parseOptions(args, names, callersFolder());
    if (options.help) process.stdout.write(USAGE);
    else if (options.list) process.stdout.write(listing());
    else return await (options.compare === undefined ? bench(options) : compare(options.compare, options));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`bench: ${error.message}\n`);
    return EXIT.usage;
  }
}

async function bench(options: Options): Promise<number> {
  const machine = await machineFacts(ROOT);
  const chosen = options.parts.flatMap((name) => PARTS.filter((part) => part.name === name));
  const reports = await runParts(chosen, options, (line) => process.stderr.write(`${line}\n`));
  const { cores, cpu, node, date, commit } = machine;
  const quick = options.quick ? '; quick: the figures mean little' : '';
  process.stdout.write(`${cores} × ${cpu}, node ${node}, ${date}, commit ${commit}${quick}\n\n${summary(reports)}`);
  if (options.json !== undefined) await writeText(options.json, toJson(reports, machine, options));
  if (options.plots !== undefined) {
    const count = await writePlots(reports, options.plots);
    process.stderr.write(`${count} plots in ${options.plots}\n`);
  }
  return reports.some(({ failure }) => failure !== undefined) ? EXIT.broken : 0;
}

async function compare(ref: string, options: Options): Promise<number> {
  try {
    const comparisons = await compareWith(ROOT, ref, options, (line) => process.stderr.write(`compare: ${line}\n`));
    process.stdout.write(`${formatComparisons(comparisons)}\n`);
    if (!isRegression(comparisons)) return 0;
    process.stdout.write(`\nA ratio is more than ${MAX_LOSS * 100} % worse than at ${ref}.\n`);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return EXIT.broken;
}

function summary(reports: readonly PartReport[]): string {
  const rows = reports.flatMap(({ part, result }) => result.rows.map((row) => ({ part, row })));
  const remarks = reports.flatMap(({ part, result, failure }) => [
    ...(result.skipped ?? []).map((what) => `${part}: skipped: ${what}\n`),
    ...(failure === undefined ? [] : [`${part}: FAILED: ${failure.split('\n')[0] ?? ''}\n`]),
  ]);
  return `${formatTable(rows)}\n${remarks.length > 0 ? '\n' : ''}${remarks.join('')}`;
}

function listing(): string {
  const width = Math.max(...PARTS.map(({ name }) => name.length));
  return PARTS.map(({ name, about }) => `${name.padEnd(width)}  ${about}\n`).join('');
}

/** pnpm runs scripts in the root; file names on the command line are meant from where the user stands. */
function callersFolder(): string {
  const caller = process.env['npm_lifecycle_event'] === 'bench' ? process.env['INIT_CWD'] : undefined;
  return caller ?? process.cwd();
}

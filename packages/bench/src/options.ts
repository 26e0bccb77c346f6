import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Wrong command line: its message is for people, and the exit status 2. */
export class UsageError extends Error {}

export interface Options {
  /** Names of parts, in the order given; all when none is given. */
  readonly parts: readonly string[];
  readonly json: string | undefined;
  readonly rounds: number;
  readonly quick: boolean;
  readonly rows: RegExp;
  readonly plots: string | undefined;
  readonly cpuProf: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

export const USAGE = `pnpm bench [PART…] [options]

  --list            names the parts
  --quick           few and short runs, to see that everything works
  --rounds N        rounds of each measurement, the median counts (5; 1 with --quick)
  --rows REGEX      only rows whose name matches
  --json FILE       writes rows and facts of the machine
  --plots[=DIR]     writes the plots, as SVG (docs/plots)
  --cpu-prof DIR    keeps CPU profiles of the child processes
`;

const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 1000;
export const DEFAULT_PLOTS = 'docs/plots';

/** Reads the command line. File names are relative to `cwd`. Throws UsageError. */
export function parseOptions(args: readonly string[], known: readonly string[], cwd: string): Options {
  const { values, positionals } = parse(args);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no part is called ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  const file = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(cwd, path));
  const quick = values.quick === true;
  return {
    parts: positionals.length === 0 ? known : [...new Set(positionals)],
    json: file(values.json),
    rounds: values.rounds === undefined ? (quick ? 1 : DEFAULT_ROUNDS) : roundsOf(values.rounds),
    quick,
    rows: rowsOf(values.rows ?? ''),
    plots: file(values.plots),
    cpuProf: file(values['cpu-prof']),
    list: values.list === true,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // `pnpm bench -- --quick` hands the dashes on; `--plots` may stand alone.
      args: args.filter((arg) => arg !== '--').map((arg) => (arg === '--plots' ? `--plots=${DEFAULT_PLOTS}` : arg)),
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        rounds: { type: 'string' },
        quick: { type: 'boolean' },
        rows: { type: 'string' },
        plots: { type: 'string' },
        'cpu-prof': { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS) {
    throw new UsageError(`--rounds takes a whole number from 1 to ${MAX_ROUNDS}, not ${text}`);
  }
  return rounds;
}

function rowsOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--rows: ${(error as Error).message}`);
  }
}

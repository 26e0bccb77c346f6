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
  /** A git ref that this checkout is compared with. */
  readonly compare: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

export const USAGE = `pnpm bench [PART…] [options]

  --list            names the parts
  --quick           few and short runs, to see that everything works
  --rounds N        rounds of each measurement, the median counts (5; with --quick 1, or 3 to compare)
  --rows REGEX      only rows whose name matches
  --json FILE       writes rows and facts of the machine
  --plots[=DIR]     writes the plots, as SVG (docs/plots)
  --cpu-prof DIR    keeps CPU profiles of the child processes
  --compare BASE    runs a git ref and this checkout in turn; fails when a ratio fell by more than 10 %
`;

const DEFAULT_ROUNDS = 5;
/** One round cannot tell a loss from noise. */
const QUICK_COMPARE_ROUNDS = 3;
const MAX_ROUNDS = 1000;
const DEFAULT_PLOTS = 'docs/plots';

/** Reads the command line. File names are relative to `cwd`. Throws UsageError. */
export function parseOptions(args: readonly string[], known: readonly string[], cwd: string): Options {
  const { values, positionals } = parse(args);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no part is called ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  const file = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(cwd, path));
  const quick = values.quick === true;
  const apart = (['json', 'plots', 'cpu-prof'] as const).filter((name) => values[name] !== undefined);
  if (values.compare !== undefined && apart.length > 0) throw new UsageError(`--compare takes no --${apart[0] ?? ''}`);
  return {
    parts: positionals.length === 0 ? known : [...new Set(positionals)],
    json: file(values.json),
    rounds: values.rounds === undefined ? defaultRounds(quick, values.compare) : roundsOf(values.rounds),
    compare: values.compare,
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
        compare: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function defaultRounds(quick: boolean, compare: string | undefined): number {
  if (!quick) return DEFAULT_ROUNDS;
  return compare === undefined ? 1 : QUICK_COMPARE_ROUNDS;
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

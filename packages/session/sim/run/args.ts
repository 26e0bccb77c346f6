import { parseArgs } from 'node:util';
import type { PlanKind } from '../plan/draw-plan.js';
import { CANARIES, type Canary } from '../rules/canary.js';

export interface SimArgs {
  readonly from: number;
  readonly count: number;
  /** Shows everything that happens. */
  readonly verbose: boolean;
  readonly canary: Canary | undefined;
  readonly workers: number;
  readonly kind: PlanKind | 'all';
  /** After so long no further seeds are begun. */
  readonly minutes: number | undefined;
}

export const USAGE = `pnpm sim --seed N                shows what happens under one seed
pnpm sim --seeds N [--from M]    runs N seeds, from 1 or M, and names those that fail
pnpm sim --minutes N [--from M]  runs as many as there is time for

  --canary [${CANARIES.join('|')}]   plants a bug: the seeds must fail
  --scaling                        servers come and go as the client's demand has it
  --takeover                       primaries are killed, and their standbys go on
  --discovery                      servers are found by what is announced, also by whoever may not
  --all                            of the four kinds (these three, and without) one after the other
  --minutes N                      with --seeds: no longer than that
  --workers N                      processes (2)`;

const KINDS = ['scaling', 'takeover', 'discovery', 'all'] as const;
/** More than anybody has time for; the numbers of seeds stay exact. */
const ENDLESS_SEEDS = 1e14;

/** Reads the command line; a string says what is wrong with it. */
export function readArgs(argv: readonly string[]): SimArgs | string {
  // A bare --canary plants the first.
  const args = argv.flatMap((arg, index) => {
    const bare = arg === '--canary' && (argv[index + 1] ?? '--').startsWith('--');
    return bare ? [`--canary=${CANARIES[0]}`] : arg === '--' ? [] : [arg];
  });
  let values: Partial<Record<'seed' | 'seeds' | 'from' | 'canary' | 'workers' | 'minutes', string>> & {
    scaling?: boolean;
    takeover?: boolean;
    discovery?: boolean;
    all?: boolean;
  };
  try {
    const text = { type: 'string' } as const;
    const options = {
      seed: text,
      seeds: text,
      from: text,
      canary: text,
      workers: text,
      minutes: text,
      scaling: { type: 'boolean' },
      takeover: { type: 'boolean' },
      discovery: { type: 'boolean' },
      all: { type: 'boolean' },
    } as const;
    values = parseArgs({ args, options }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  for (const name of ['seed', 'seeds', 'from', 'workers', 'minutes'] as const) {
    const value = values[name];
    const least = name === 'seed' || name === 'from' ? 0 : 1;
    if (value !== undefined && !isWhole(value, least))
      return `--${name} takes a whole number from ${least}, not "${value}"`;
  }
  const many = values.seeds ?? values.minutes;
  if ((values.seed === undefined) === (many === undefined)) return 'give either --seed or --seeds';
  if (values.seed !== undefined && values.from !== undefined) return '--from goes with --seeds';
  const kinds = KINDS.filter((each) => values[each] === true);
  if (kinds.length > 1) return `give one of ${KINDS.map((each) => `--${each}`).join(', ')}`;
  const canary = CANARIES.find((each) => each === values.canary);
  if (values.canary !== undefined && canary === undefined) return `--canary is one of ${CANARIES.join(', ')}`;
  return {
    from: Number(values.seed ?? values.from ?? 1),
    count: Number(values.seeds ?? (values.minutes === undefined ? 1 : ENDLESS_SEEDS)),
    verbose: values.seed !== undefined,
    canary,
    workers: Number(values.workers ?? 2),
    kind: kinds[0] ?? 'work',
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  };
}

function isWhole(text: string, least: number): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) >= least;
}

import { SeededRandom } from '@kwik/testbed';
import { usageError } from '../errors.js';
import { FAULTS, type FaultName } from './faults.js';

/** As the command line gives them. */
export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Mbit/s, one per server; the first is the primary's. */
  readonly rates: readonly number[];
  readonly faults: readonly string[];
  /** The primary is struck, too. */
  readonly primary: boolean;
  readonly json: boolean;
}

/** One fault of the run; times in milliseconds from its beginning. */
export interface PlannedFault {
  readonly fault: FaultName;
  /** Number of the server; 0 is the primary. */
  readonly server: number;
  readonly atMs: number;
  readonly durationMs: number;
  /** 0 to 1: how bad. */
  readonly severity: number;
}

const MAX_SERVERS = 8;
const MAX_SECONDS = 86_400;
const MIN_BYTES = 1_000_000;
const MAX_BYTES = 1_000_000_000;
/** Between two faults of one server, so that it carries something meanwhile. */
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 4_000;
const MIN_DURATION_MS = 300;
const MAX_DURATION_MS = 4_000;

/** Throws a usage error for options that make no sense. */
export function checkChaosOptions(options: ChaosOptions): readonly FaultName[] {
  const { rates, seconds, bytes, faults } = options;
  if (rates.length < 2 || rates.length > MAX_SERVERS) {
    throw usageError(`--rates takes 2 to ${MAX_SERVERS} rates, one per server, such as 20,20,10`);
  }
  const rate = rates.find((each) => !(each > 0 && each <= 1000));
  if (rate !== undefined) throw usageError(`--rates: ${rate} is not above 0 and up to 1000 Mbit/s`);
  if (seconds < 1 || seconds > MAX_SECONDS) throw usageError(`--seconds takes 1 to ${MAX_SECONDS}`);
  if (bytes < MIN_BYTES || bytes > MAX_BYTES) throw usageError('--bytes takes 1MB to 1GB');
  const unknown = faults.find((name) => !isFault(name));
  if (unknown !== undefined)
    throw usageError(`--faults: there is no fault '${unknown}'; there are ${FAULTS.join(',')}`);
  return faults.length === 0 ? FAULTS : faults.filter(isFault);
}

/** What strikes whom and when: decided by the seed. Each server has one fault at a time. */
export function planFaults(options: ChaosOptions, faults: readonly FaultName[]): PlannedFault[] {
  const { seed, seconds, rates, primary } = options;
  const planned = rates.flatMap((_, server) => {
    if (server === 0 && !primary) return [];
    const random = new SeededRandom(seed).fork(`server ${server}`);
    const own: PlannedFault[] = [];
    const between = (least: number, most: number): number => least + random.below(most - least);
    // The primary's own copy is what others are judged by: it cannot lie.
    const possible = server === 0 ? faults.filter((name) => name !== 'lie' && name !== 'truncate') : faults;
    if (possible.length === 0) return [];
    for (let atMs = between(MIN_PAUSE_MS, MAX_PAUSE_MS); atMs < seconds * 1000; ) {
      const durationMs = between(MIN_DURATION_MS, MAX_DURATION_MS);
      const fault = possible[random.below(possible.length)]!;
      own.push({ fault, server, atMs, durationMs, severity: random.float() });
      atMs += durationMs + between(MIN_PAUSE_MS, MAX_PAUSE_MS);
    }
    return own;
  });
  return planned.sort((one, other) => one.atMs - other.atMs);
}

function isFault(name: string): name is FaultName {
  return (FAULTS as readonly string[]).includes(name);
}

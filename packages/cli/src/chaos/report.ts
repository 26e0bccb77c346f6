import { formatBytes, formatSeconds } from '../ui/units.js';
import type { ChaosOptions, PlannedFault } from './plan.js';

/** One transfer of the run. */
export interface Attempt {
  readonly beganMs: number;
  readonly tookMs: number;
  /** Of the file as it arrived; undefined when it did not. */
  readonly sha256: string | undefined;
  readonly receivedBytes: number;
  /** The longest time without a byte. */
  readonly maxGapMs: number;
  readonly error: string | undefined;
  /** The primary was struck meanwhile, or had just been: only then may a transfer fail. */
  readonly excused: boolean;
}

export interface ChaosOutcome {
  readonly options: ChaosOptions;
  readonly faults: readonly PlannedFault[];
  readonly attempts: readonly Attempt[];
  readonly expectedSha256: string;
}

/** Transfers that broke a promise: a byte that differs, or a failure that nothing explains. */
export function broken({ attempts, expectedSha256 }: ChaosOutcome): readonly Attempt[] {
  return attempts.filter(({ sha256, excused }) => (sha256 === undefined ? !excused : sha256 !== expectedSha256));
}

export function chaosResult(outcome: ChaosOutcome): object {
  const { options, faults, attempts } = outcome;
  return {
    seed: options.seed,
    seconds: options.seconds,
    faults: countOf(faults),
    transfers: attempts.length,
    whole: wholeOf(outcome).length,
    failedWithThePrimary: attempts.filter(({ sha256, excused }) => sha256 === undefined && excused).length,
    broken: broken(outcome).map(({ beganMs, error, sha256 }) => ({ beganMs: Math.round(beganMs), error, sha256 })),
    receivedBytes: bytesOf(outcome),
    longestGapMs: Math.round(longestGapMs(outcome)),
  };
}

/** The end of the run in words, `ok` and `bad` being marks of the terminal's. */
export function describeChaos(outcome: ChaosOutcome, ok: string, bad: string): string[] {
  const { faults, attempts, options } = outcome;
  const wrong = broken(outcome);
  const excused = attempts.filter((each) => each.sha256 === undefined && each.excused).length;
  const kinds = Object.entries(countOf(faults)).map(([name, count]) => `${name} ${count}`);
  return [
    wrong.length === 0
      ? `${ok}every byte of ${wholeOf(outcome).length} transfers is right, under ${faults.length} faults`
      : `${bad}${wrong.length} of ${attempts.length} transfers broke a promise; again with --seed ${options.seed}`,
    ...wrong.map(({ beganMs, error }) => `    at ${formatSeconds(beganMs)}: ${error ?? 'the file differs'}`),
    '',
    `faults        ${kinds.length === 0 ? 'none' : kinds.join(', ')}`,
    `transfers     ${attempts.length}, ${formatBytes(bytesOf(outcome))}${excused === 0 ? '' : `; ${excused} failed with the primary`}`,
    `longest gap   ${Math.round(longestGapMs(outcome))} ms in a byte stream`,
  ];
}

function wholeOf({ attempts, expectedSha256 }: ChaosOutcome): readonly Attempt[] {
  return attempts.filter(({ sha256 }) => sha256 === expectedSha256);
}

function bytesOf({ attempts }: ChaosOutcome): number {
  return attempts.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
}

function longestGapMs(outcome: ChaosOutcome): number {
  return Math.max(0, ...wholeOf(outcome).map(({ maxGapMs }) => maxGapMs));
}

function countOf(faults: readonly PlannedFault[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault } of faults) counts[fault] = (counts[fault] ?? 0) + 1;
  return counts;
}

import { checkArgument, optionRules } from '@kwik/wire';

/** Intervals that are remembered. */
const WINDOW = 100;
/** Below that few, the spread says nothing, and what is expected takes its place. */
const MIN_INTERVALS = 3;
/** A server whose heartbeats come like clockwork is not suspected for a little jitter: a tenth of its interval, at least 100 ms. */
const MIN_SPREAD_SHARE = 0.1;
const MIN_SPREAD_MS = 100;
const LN_10 = Math.log(10);

/**
 * Suspicion by phi accrual (Hayashibara et al., 2004): how unlikely it is, as a power of ten, that heartbeats which came at
 * such intervals so far are still on their way. What this process was late by itself is none of the server's silence: give it
 * with `pause`, else one stopped process would call all others dead.
 */
export class PhiAccrual {
  readonly #intervals: number[] = [];
  readonly #expectedMs: number;
  #lastMs: number | undefined;
  #pausedMs = 0;

  /** `expectedMs`: the interval that was agreed; ERR_KWIK_INVALID_ARGUMENT for what is no number above 0. */
  constructor(expectedMs: number) {
    checkArgument('PhiAccrual', 'expectedMs', expectedMs, optionRules.aboveZero);
    this.#expectedMs = expectedMs;
  }

  heartbeat(now: number): void {
    if (this.#lastMs !== undefined) {
      const interval = Math.max(0, now - this.#lastMs - this.#pausedMs);
      this.#intervals.push(interval);
      if (this.#intervals.length > WINDOW) this.#intervals.shift();
    }
    this.#lastMs = now;
    this.#pausedMs = 0;
  }

  /** This process did not run for so long. */
  pause(lateMs: number): void {
    this.#pausedMs += Math.max(0, lateMs);
  }

  /** 0: nothing to suspect. 8: wrong once in a hundred million times. */
  phi(now: number): number {
    if (this.#lastMs === undefined) return 0;
    const silentMs = now - this.#lastMs - this.#pausedMs;
    const few = this.#intervals.length < MIN_INTERVALS;
    const mean = few ? this.#expectedMs : average(this.#intervals);
    const least = Math.max(MIN_SPREAD_MS, mean * MIN_SPREAD_SHARE);
    const spread = few ? Math.max(least, mean / 4) : Math.max(least, deviation(this.#intervals, mean));
    return -logOfTail((silentMs - mean) / spread) / LN_10;
  }
}

/** Natural logarithm of the chance that a normal variable exceeds `z`: the logistic approximation, which stays finite far out. */
function logOfTail(z: number): number {
  const exponent = z * (1.5976 + 0.070566 * z * z);
  // log(1 / (1 + e^x)), without overflow.
  return exponent > 0 ? -exponent - Math.log1p(Math.exp(-exponent)) : -Math.log1p(Math.exp(exponent));
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[], mean: number): number {
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

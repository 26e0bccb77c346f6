import { checkOptions, optionRules } from '@kwik/wire';
import type { Detector, Verdict } from './detector.js';

export interface RobustZOptions {
  readonly direction: 'up' | 'down';
  /** Spread that is taken for granted, in the unit of the values and as a share of the median: quiet series are no reason. */
  readonly floor: number;
  readonly floorShare: number;
}

const { amount } = optionRules;
const RULES = optionRules.group<RobustZOptions>(
  { direction: optionRules.oneOf('up', 'down'), floor: amount, floorShare: amount },
  ['direction', 'floor', 'floorShare'],
);

/** Values that make the baseline; at one a second, two minutes. */
const BASELINE = 120;
/** Before so many values nothing is known to be normal. */
const LEAST = 30;
const THRESHOLD = 6;
/** The baseline is summed up anew after so many values: that is most of the work, and it changes slowly. */
const RENEW_EVERY = 10;
/** So many in a row begin an alarm, and end it. */
const BEGIN = 5;
const END = 10;
/** Of a normal distribution: the standard deviation in terms of the median absolute deviation. */
const MAD_TO_SIGMA = 1.4826;

/** Sudden changes: how many robust deviations a value lies from the median of the last two minutes (Iglewicz, Hoaglin 1993). */
export class RobustZ implements Detector {
  readonly #options: RobustZOptions;
  readonly #baseline: number[] = [];
  #normal = 0;
  #deviation = 0;
  #learned = 0;
  #streak = 0;
  #alarming = false;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: RobustZOptions) {
    checkOptions(options, { call: 'RobustZ', root: RULES });
    this.#options = options;
  }

  observe(value: number): Verdict {
    if (this.#baseline.length < LEAST) {
      this.#learn(value);
      return { alarming: false, normal: value };
    }
    const normal = this.#normal;
    const { floor, floorShare, direction } = this.#options;
    const spread = Math.max(MAD_TO_SIGMA * this.#deviation, floor, floorShare * Math.abs(normal));
    const distance = direction === 'up' ? value - normal : normal - value;
    this.#step(distance > THRESHOLD * spread);
    if (!this.#alarming && this.#streak === 0) this.#learn(value);
    return { alarming: this.#alarming, normal };
  }

  /** Counts values in a row that speak against the present state. */
  #step(abnormal: boolean): void {
    this.#streak = abnormal === this.#alarming ? 0 : this.#streak + 1;
    if (this.#streak < (this.#alarming ? END : BEGIN)) return;
    this.#alarming = abnormal;
    this.#streak = 0;
  }

  #learn(value: number): void {
    this.#baseline.push(value);
    if (this.#baseline.length > BASELINE) this.#baseline.shift();
    this.#learned += 1;
    if (this.#learned % RENEW_EVERY !== 0) return;
    const normal = medianOf(this.#baseline);
    this.#normal = normal;
    this.#deviation = medianOf(this.#baseline.map((one) => Math.abs(one - normal)));
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

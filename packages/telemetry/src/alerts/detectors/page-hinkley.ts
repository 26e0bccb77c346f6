import { checkOptions, optionRules } from '@kwik/wire';
import type { Detector, Verdict } from './detector.js';

export interface PageHinkleyOptions {
  /** Drift that does not count, as a share of normal. */
  readonly tolerance: number;
  /** What the drift beyond it must sum up to, as a multiple of normal, over all values. */
  readonly threshold: number;
}

const { amount } = optionRules;
const RULES = optionRules.group<PageHinkleyOptions>({ tolerance: amount, threshold: amount }, [
  'tolerance',
  'threshold',
]);

/** Values of which the mean is normal: at one a second, five minutes. */
const WARM_UP = 300;
/** A baseline may follow the day, slowly: half of a change in two hours. */
const FORGET = 1e-4;
/** What a single value may add, as a multiple of normal: a spike is for another detector. */
const MAX_STEP = 1;

/** Slow drift upwards: the cumulative sum of what exceeds normal, less its own minimum (Page 1954, Hinkley 1971). */
export class PageHinkley implements Detector {
  readonly #options: PageHinkleyOptions;
  #count = 0;
  #mean = 0;
  #sum = 0;
  #alarming = false;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: PageHinkleyOptions) {
    checkOptions(options, { call: 'PageHinkley', root: RULES });
    this.#options = options;
  }

  observe(value: number): Verdict {
    if (this.#count < WARM_UP) {
      this.#count += 1;
      this.#mean += (value - this.#mean) / this.#count;
      return { alarming: false, normal: this.#mean };
    }
    const { tolerance, threshold } = this.#options;
    const normal = Math.max(this.#mean, Number.MIN_VALUE);
    const step = Math.max(-MAX_STEP, Math.min(MAX_STEP, value / normal - 1 - tolerance));
    // Below zero is its minimum; the upper end lets an alarm end as soon as the cause has.
    this.#sum = Math.min(2 * threshold, Math.max(0, this.#sum + step));
    if (this.#sum > threshold) this.#alarming = true;
    else if (this.#sum === 0) this.#alarming = false;
    if (!this.#alarming) this.#mean += FORGET * (value - this.#mean);
    return { alarming: this.#alarming, normal: this.#mean };
  }
}

import { checkOptions, optionRules } from '@kwik/wire';
import type { Detector, Verdict } from './detector.js';

export interface RateWatchOptions {
  /** What no one minds, however rare it was before. */
  readonly floor: number;
  /** How many times the usual is too much. */
  readonly factor: number;
}

const { amount } = optionRules;
const RULES = optionRules.group<RateWatchOptions>({ floor: amount, factor: amount }, ['floor', 'factor']);

/** At one value a second: the present is some ten seconds, the usual some ten minutes. */
const FAST = 0.1;
const SLOW = 1 / 600;
const WARM_UP = 30;

/** Rates of what should be rare: a fast average against a slow one. */
export class RateWatch implements Detector {
  readonly #options: RateWatchOptions;
  #fast = 0;
  #slow = 0;
  #count = 0;
  #alarming = false;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: RateWatchOptions) {
    checkOptions(options, { call: 'RateWatch', root: RULES });
    this.#options = options;
  }

  observe(value: number): Verdict {
    this.#count += 1;
    // The first values are averaged evenly, or zero would be the usual.
    this.#fast += Math.max(FAST, 1 / this.#count) * (value - this.#fast);
    if (!this.#alarming) this.#slow += Math.max(SLOW, 1 / this.#count) * (value - this.#slow);
    const { floor, factor } = this.#options;
    const limit = Math.max(floor, factor * this.#slow);
    if (this.#count >= WARM_UP) this.#alarming = this.#fast > (this.#alarming ? limit / 2 : limit);
    return { alarming: this.#alarming, normal: this.#slow };
  }
}

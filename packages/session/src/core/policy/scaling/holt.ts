/** Weights of the newest sample: for the level, which follows within some seconds, and for the slower trend. */
const LEVEL_WEIGHT = 0.4;
const TREND_WEIGHT = 0.2;

/** Holt's linear method: a level and a trend, each smoothed exponentially. One sample each step of equal length. */
export class Holt {
  #level: number | undefined;
  #trend = 0;

  observe(value: number): void {
    if (this.#level === undefined) {
      this.#level = value;
      return;
    }
    const before = this.#level;
    this.#level = LEVEL_WEIGHT * value + (1 - LEVEL_WEIGHT) * (before + this.#trend);
    this.#trend = TREND_WEIGHT * (this.#level - before) + (1 - TREND_WEIGHT) * this.#trend;
  }

  /** What is to be expected so many steps from now; never below 0. */
  ahead(steps: number): number {
    return Math.max(0, (this.#level ?? 0) + steps * this.#trend);
  }
}

/** What is told of many values: 1 is the largest. */
export const QUANTILES = [0.5, 0.9, 0.99, 1] as const;
/** Of one spread; ranks are true to a part of so many. */
const MAX_POINTS = 128;

/** Many values in little room: ascending points, of which each stands for `count / points.length` values. */
export interface Spread {
  readonly count: number;
  readonly points: readonly number[];
}

/** Values of which a few quantiles are wanted. */
export class Quantiles {
  readonly #values: number[] = [];

  add(value: number): void {
    this.#values.push(value);
  }

  /** All values as they are, or 128 of them at even ranks, the largest among them. */
  spread(): Spread {
    const sorted = Float64Array.from(this.#values).sort();
    const length = Math.min(sorted.length, MAX_POINTS);
    const points = Array.from({ length }, (_, index) => sorted[Math.ceil(((index + 1) * sorted.length) / length) - 1]!);
    return { count: sorted.length, points };
  }
}

/** By nearest rank, of the values of all spreads together; 0 without any. */
export function quantilesOf(spreads: readonly Spread[], quantiles: readonly number[]): number[] {
  const weighted = spreads
    .flatMap(({ count, points }) => points.map((value) => ({ value, weight: count / points.length })))
    .sort((a, b) => a.value - b.value);
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  return quantiles.map((quantile) => {
    const rank = quantile * total;
    let below = 0;
    // Sums of parts miss the whole by a rounding.
    const found = weighted.find(({ weight }) => (below += weight) >= rank - 1e-6);
    return (found ?? weighted.at(-1))?.value ?? 0;
  });
}

/** Values of which a few quantiles are wanted. */
export class Quantiles {
  readonly #values: number[] = [];

  add(value: number): void {
    this.#values.push(value);
  }

  /** By nearest rank; 1 is the largest. Sorts once. */
  of(quantiles: readonly number[]): number[] {
    const sorted = Float64Array.from(this.#values).sort();
    return quantiles.map((quantile) => {
      const rank = Math.max(0, Math.ceil(quantile * sorted.length) - 1);
      return sorted[rank] ?? 0;
    });
  }
}

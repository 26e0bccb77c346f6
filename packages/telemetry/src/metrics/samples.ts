import { METRICS, type MetricName } from './metric-list.js';
import { QUANTILES, quantilesOf, type Spread } from './quantiles.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A value by its metric and the values of its labels, in the order of the list. */
export type Series<T> = readonly [name: MetricName, labels: readonly string[], value: T];

interface Entry {
  readonly values: readonly string[];
  readonly labels: Labels;
  value: number;
}

/** Values of metrics, each by its labels in the order of the list. */
export class Samples {
  readonly #byName = new Map<MetricName, Map<string, Entry>>();
  readonly #spreads = new Map<string, Series<Spread>>();

  /** Adds to the series with these label values. */
  add(name: MetricName, values: readonly string[], value: number): void {
    const entry = this.#entry(name, values);
    entry.value += value;
  }

  set(name: MetricName, values: readonly string[], value: number): void {
    this.#entry(name, values).value = value;
  }

  /** The quantiles of a metric whose last label they are, from the values that `spreads` stand for. */
  spread(name: MetricName, values: readonly string[], spreads: readonly Spread[]): void {
    quantilesOf(spreads, QUANTILES).forEach((value, index) => {
      this.set(name, [...values, String(QUANTILES[index])], value);
    });
    const [first] = spreads;
    if (first !== undefined) this.#spreads.set(keyOf([name, ...values]), [name, values, first]);
  }

  of(name: MetricName): Iterable<Sample> {
    return this.#byName.get(name)?.values() ?? [];
  }

  /** All series but those of quantiles, which `spreads` has. */
  *series(): Iterable<Series<number>> {
    for (const [name, entries] of this.#byName) {
      if (METRICS[name].merge === 'spread') continue;
      for (const { values, value } of entries.values()) yield [name, values, value];
    }
  }

  spreads(): Iterable<Series<Spread>> {
    return this.#spreads.values();
  }

  #entry(name: MetricName, values: readonly string[]): Entry {
    let series = this.#byName.get(name);
    if (series === undefined) this.#byName.set(name, (series = new Map<string, Entry>()));
    const key = keyOf(values);
    let entry = series.get(key);
    if (entry === undefined) {
      const labels = Object.fromEntries(METRICS[name].labels.map((label, index) => [label, values[index] ?? '']));
      series.set(key, (entry = { values, labels, value: 0 }));
    }
    return entry;
  }
}

function keyOf(values: readonly string[]): string {
  return values.join('\n');
}

import { METRICS, type MetricName } from './metric-list.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Values of metrics, each by its labels in the order of the list. */
export class Samples {
  readonly #byName = new Map<MetricName, Map<string, { labels: Labels; value: number }>>();

  /** Adds to the series with these label values. */
  add(name: MetricName, values: readonly string[], value: number): void {
    const entry = this.#entry(name, values);
    entry.value += value;
  }

  set(name: MetricName, values: readonly string[], value: number): void {
    this.#entry(name, values).value = value;
  }

  of(name: MetricName): Iterable<Sample> {
    return this.#byName.get(name)?.values() ?? [];
  }

  #entry(name: MetricName, values: readonly string[]): { labels: Labels; value: number } {
    let series = this.#byName.get(name);
    if (series === undefined) this.#byName.set(name, (series = new Map<string, { labels: Labels; value: number }>()));
    const key = values.join('\n');
    let entry = series.get(key);
    if (entry === undefined) {
      const labels = Object.fromEntries(METRICS[name].labels.map((label, index) => [label, values[index] ?? '']));
      series.set(key, (entry = { labels, value: 0 }));
    }
    return entry;
  }
}

import { OTHERS } from '@kwik/wire';
import { METRICS, METRIC_NAMES, type MetricName } from '../metrics/metric-list.js';
import type { Spread } from '../metrics/quantiles.js';
import { MAX_SERVERS } from '../metrics/read-samples.js';
import { Samples, type Series } from '../metrics/samples.js';
import type { WorkerMetrics } from './messages.js';

const NAMES: ReadonlySet<string> = new Set(METRIC_NAMES);
/** Of one worker; far more than the list of metrics makes. */
const MAX_SERIES = 50_000;

/** What several processes count together, by the kind of each metric. Names of servers beyond a number count together. */
export class MergedSamples {
  readonly samples = new Samples();
  readonly #servers = new Set<string>();
  readonly #largest = new Map<string, number>();
  readonly #spreads = new Map<string, { name: MetricName; values: readonly string[]; spreads: Spread[] }>();

  /** Levels are left out of a process that is gone, or whose figures are old: what it has counted stays. */
  add(
    { series, spreads }: Pick<WorkerMetrics, 'series' | 'spreads'>,
    { countersOnly }: { countersOnly: boolean },
  ): void {
    for (const [name, labels, value] of series.slice(0, MAX_SERIES)) {
      // Of an earlier or a later version, which may run while another takes its place.
      if (!NAMES.has(name) || (countersOnly && METRICS[name].type !== 'counter')) continue;
      this.#add(name, this.#bounded(name, labels), value);
    }
    if (countersOnly) return;
    for (const [name, labels, spread] of spreads.slice(0, MAX_SERIES)) {
      if (!NAMES.has(name)) continue;
      const values = this.#bounded(name, labels);
      const key = [name, ...values].join('\n');
      const known = this.#spreads.get(key);
      if (known === undefined) this.#spreads.set(key, { name, values, spreads: [spread] });
      else known.spreads.push(spread);
    }
  }

  /** When all are added. */
  finish(): Samples {
    for (const { name, values, spreads } of this.#spreads.values()) this.samples.spread(name, values, spreads);
    return this.samples;
  }

  #add(name: MetricName, values: readonly string[], value: number): void {
    if (METRICS[name].merge !== 'largest') {
      this.samples.add(name, values, value);
      return;
    }
    const key = [name, ...values].join('\n');
    const largest = Math.max(value, this.#largest.get(key) ?? value);
    this.#largest.set(key, largest);
    this.samples.set(name, values, largest);
  }

  #bounded(name: MetricName, values: readonly string[]): readonly string[] {
    const at = (METRICS[name].labels as readonly string[]).indexOf('server');
    const server = values[at];
    if (server === undefined || server === OTHERS || this.#servers.has(server)) return values;
    if (this.#servers.size >= MAX_SERVERS) return values.with(at, OTHERS);
    this.#servers.add(server);
    return values;
  }
}

/** What stays of a process that is gone: what it has counted. */
export function countersOf(all: readonly WorkerMetrics['series'][]): Series<number>[] {
  const merged = new MergedSamples();
  for (const series of all) merged.add({ series, spreads: [] }, { countersOnly: true });
  return [...merged.finish().series()];
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { checkArgument, optionRules } from '@kwik/wire';
import { metricSource } from '../telemetry-rules.js';
import { FAILOVER_GAP_BUCKETS, METRIC_NAMES, METRICS, type MetricEntry, type MetricName } from './metric-list.js';
import type { MetricSource } from './metrics.js';
import type { Sample } from './samples.js';

/** Exposes the metrics through `prom-client`, in a registry of the application's or in one of their own. */
export class PrometheusMetrics implements Disposable {
  readonly registry: Registry;
  readonly #names: MetricName[] = [];
  readonly #end: () => void;

  /** Throws when the registry has metrics of these names already; ERR_KWIK_INVALID_ARGUMENT for what are no metrics, or no registry. */
  constructor(metrics: MetricSource, registry = new Registry()) {
    checkArgument('PrometheusMetrics', 'metrics', metrics, metricSource);
    checkArgument('PrometheusMetrics', 'registry', registry, optionRules.objectWith('registerMetric', 'metrics'));
    this.registry = registry;
    let gaps: Histogram | undefined;
    for (const name of METRIC_NAMES) {
      if (METRICS[name].type === 'histogram') gaps = this.#histogram(name);
      else this.#sampled(name, () => metrics.samples().of(name));
      this.#names.push(name);
    }
    this.#end = metrics.onGap((seconds) => gaps?.observe(seconds));
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  [Symbol.dispose](): void {
    this.#end();
    for (const name of this.#names) this.registry.removeSingleMetric(name);
  }

  #histogram(name: MetricName): Histogram {
    const { help } = METRICS[name];
    return new Histogram({ name, help, buckets: [...FAILOVER_GAP_BUCKETS], registers: [this.registry] });
  }

  #sampled(name: MetricName, read: () => Iterable<Sample>): void {
    const { type, help, labels }: MetricEntry = METRICS[name];
    const config = { name, help, labelNames: labels, registers: [this.registry] };
    if (type === 'counter') {
      const metric: Counter = new Counter({
        ...config,
        collect: () => {
          metric.reset();
          for (const sample of read()) metric.inc(sample.labels, sample.value);
        },
      });
      return;
    }
    const metric: Gauge = new Gauge({
      ...config,
      collect: () => {
        metric.reset();
        for (const sample of read()) metric.set(sample.labels, sample.value);
      },
    });
  }
}

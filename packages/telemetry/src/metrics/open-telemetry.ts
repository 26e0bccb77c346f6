import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { checkArgument, optionRules } from '@kwik/wire';
import { metricSource } from '../telemetry-rules.js';
import { FAILOVER_GAP_BUCKETS, METRIC_NAMES, METRICS, type MetricName } from './metric-list.js';
import type { MetricSource } from './metrics.js';

const METER = optionRules.objectWith('createObservableCounter', 'createObservableGauge', 'createHistogram');

/**
 * Exposes the metrics through a meter of OpenTelemetry, under the same names; its reader decides when they are read.
 * Returns what ends that. Throws ERR_KWIK_INVALID_ARGUMENT for what is no meter, and no metrics.
 */
export function observeWith(meter: Meter, metrics: MetricSource): () => void {
  checkArgument('observeWith', 'meter', meter, METER);
  checkArgument('observeWith', 'metrics', metrics, metricSource);
  const observables = new Map<MetricName, Observable>();
  const endings: (() => void)[] = [];
  for (const name of METRIC_NAMES) {
    const { type, help: description } = METRICS[name];
    if (type === 'counter') observables.set(name, meter.createObservableCounter(name, { description }));
    else if (type === 'gauge') observables.set(name, meter.createObservableGauge(name, { description }));
    else {
      const advice = { explicitBucketBoundaries: [...FAILOVER_GAP_BUCKETS] };
      const histogram = meter.createHistogram(name, { description, unit: 's', advice });
      endings.push(metrics.onGap((seconds) => histogram.record(seconds)));
    }
  }
  const observe = (result: BatchObservableResult): void => {
    const samples = metrics.samples();
    for (const [name, observable] of observables) {
      for (const { labels, value } of samples.of(name)) result.observe(observable, value, labels);
    }
  };
  const all = [...observables.values()];
  meter.addBatchObservableCallback(observe, all);
  endings.push(() => meter.removeBatchObservableCallback(observe, all));
  return () => {
    for (const end of endings) end();
  };
}

import { monitorEventLoopDelay, performance, type IntervalHistogram } from 'node:perf_hooks';
import { checkArgument, CountSums, optionRules, type CounterRegistry } from '@kwik/wire';
import { listen } from '../events/subscriptions.js';
import { counters as someCounters } from '../telemetry-rules.js';
import { readSamples } from './read-samples.js';
import type { Samples } from './samples.js';

/** One scrape asks for each metric in turn: they see the same reading. */
const FRESH_MS = 100;
const LOOP_RESOLUTION_MS = 10;
const LOOP_QUANTILES = [0.5, 0.99, 1] as const;
const NS_PER_SECOND = 1e9;

/** What metrics of one process and of several together have. */
export interface MetricSource {
  samples(): Samples;
  /** Hears the gap of each failover, in seconds. Returns what ends that. */
  onGap(listener: (seconds: number) => void): () => void;
}

/** Where all values come from, for whichever exposition: the registry's counters, and what only events tell. */
export class Metrics implements MetricSource, Disposable {
  readonly #counters: CounterRegistry;
  readonly #events = new CountSums();
  readonly #gapListeners = new Set<(seconds: number) => void>();
  readonly #loop: IntervalHistogram;
  readonly #end: () => void;
  readonly #now: () => number;
  #latest: Samples | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names what is wrong. */
  constructor(counters: CounterRegistry, now: () => number = () => performance.now()) {
    checkArgument('Metrics', 'counters', counters, someCounters);
    checkArgument('Metrics', 'now', now, optionRules.call);
    this.#counters = counters;
    this.#now = now;
    this.#loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    this.#loop.enable();
    this.#end = listen({
      'kwik:path:failover': ({ gapMs }) => {
        for (const tell of this.#gapListeners) tell(gapMs / 1000);
      },
      'kwik:relay:flow': ({ change }) => this.#events.count('relay', change),
      'kwik:discovery:server': ({ change, count }) => this.#events.count('discovery', change, count),
      'kwik:trust:decided': ({ decision }) => this.#events.count('trust', decision),
      'kwik:scaling:step': ({ step, result, decider = 'scaling', count }) => {
        this.#events.count('scaling', `${step} ${result} ${decider}`, count);
      },
    });
  }

  onGap(listener: (seconds: number) => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  samples(): Samples {
    const startedMs = this.#now();
    if (this.#latest !== undefined && startedMs - this.#readAtMs < FRESH_MS) return this.#latest;
    const samples = readSamples(this.#counters);
    this.#addEvents(samples);
    const delays = LOOP_QUANTILES.map((quantile) => this.#loop.percentile(Math.min(100, quantile * 100)));
    LOOP_QUANTILES.forEach((quantile, index) => {
      samples.set('kwik_event_loop_delay_seconds', [String(quantile)], Math.max(0, delays[index]! / NS_PER_SECOND));
    });
    this.#loop.reset();
    this.#readAtMs = this.#now();
    samples.set('kwik_scrape_seconds', [], (this.#readAtMs - startedMs) / 1000);
    this.#latest = samples;
    return samples;
  }

  [Symbol.dispose](): void {
    this.#end();
    this.#loop.disable();
    this.#gapListeners.clear();
  }

  #addEvents(samples: Samples): void {
    const { families } = this.#events;
    for (const [change, count] of families.get('relay') ?? []) samples.set('kwik_relay_flows_total', [change], count);
    for (const [change, count] of families.get('discovery') ?? []) {
      samples.set('kwik_discovered_servers_total', [change], count);
    }
    for (const [decision, count] of families.get('trust') ?? []) {
      samples.set('kwik_trust_decisions_total', [decision], count);
    }
    for (const [label, count] of families.get('scaling') ?? []) {
      samples.set('kwik_scaling_steps_total', label.split(' '), count);
    }
  }
}

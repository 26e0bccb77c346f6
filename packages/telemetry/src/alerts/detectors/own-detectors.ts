import { KwikError } from '@kwik/wire';
import type { Detector, Verdict } from './detector.js';

/** What is known of a server once a second: round trip in milliseconds, loss from 0 to 1, failovers since the second before. */
export type ServerSeries = 'rtt' | 'loss' | 'failovers';

/** A detector of the program for a series of a server; undefined: none. Asked once for each server, and again for one that was forgotten. */
export type OwnDetector = (server: string, series: ServerSeries) => Detector | undefined;

/** What an own detector found abnormal. */
export interface OwnAlarm {
  readonly series: ServerSeries;
  readonly value: number;
  readonly normal: number;
}

const SERIES: readonly ServerSeries[] = ['rtt', 'loss', 'failovers'];
const MAX_WORDS = 200;

/**
 * The program's own detectors of one server. What one throws, or returns that is no verdict, is the end of that one, is kept in
 * words, and touches nothing else.
 */
export class OwnDetectors {
  readonly #detectors = new Map<ServerSeries, Detector>();
  /** What was wrong with the first that failed. */
  #fault: string | undefined;

  constructor(server: string, make: OwnDetector) {
    for (const series of SERIES) {
      this.#guarded(series, () => {
        const made: unknown = quieted(make(server, series));
        if (made === undefined) return;
        if (!isDetector(made)) throw unusable('what was made for it has no function observe');
        this.#detectors.set(series, made);
      });
    }
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  /** All of them see their values; the first that alarms is told. */
  observe(values: Readonly<Partial<Record<ServerSeries, number>>>): OwnAlarm | undefined {
    let first: OwnAlarm | undefined;
    for (const [series, detector] of this.#detectors) {
      const value = values[series];
      if (value === undefined) continue;
      this.#guarded(series, () => {
        const { alarming, normal } = verdictOf(detector.observe(value));
        if (alarming) first ??= { series, value, normal };
      });
    }
    return first;
  }

  #guarded(series: ServerSeries, callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#detectors.delete(series);
      this.#fault ??= `${series}: ${wordsOf(error)}`;
    }
  }
}

function isDetector(made: unknown): made is Detector {
  return typeof made === 'object' && made !== null && typeof (made as Partial<Detector>).observe === 'function';
}

/** What is asynchronous is of no use here, and its rejection must not end the process. */
function quieted(given: unknown): unknown {
  if (given instanceof Promise) void given.catch(() => undefined);
  return given;
}

function verdictOf(given: unknown): Verdict {
  const { alarming, normal } = (quieted(given) ?? {}) as Partial<Verdict>;
  if (typeof alarming === 'boolean' && typeof normal === 'number' && Number.isFinite(normal))
    return { alarming, normal };
  throw unusable('it returned no { alarming: boolean, normal: number }');
}

function unusable(text: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
}

/** Anything may be thrown, also what has no words. */
function wordsOf(error: unknown): string {
  try {
    return (error instanceof Error ? error.message : String(error)).slice(0, MAX_WORDS);
  } catch {
    return 'it threw something without words';
  }
}

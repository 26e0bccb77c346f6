import { Holt } from './holt.js';
import { HourlyTable, HourPeak } from './hourly-table.js';

/** Samples come once a second; so many are ten minutes. */
const WINDOW_SAMPLES = 600;
/** Below this the percentile is that of an accident. */
const MIN_SAMPLES = 60;
const PERCENTILE = 0.95;
/** A path is there within ten seconds of a decision, so demand is looked at so far ahead. */
const TREND_STEPS = 10;
/** A trend is believed as far as twice what is there. */
const MAX_TREND_FACTOR = 2;
/** And the table of hours, this long before the hour begins. */
const TABLE_AHEAD_MS = 60_000;

/** What is expected, and why, bytes per second. */
export interface Forecast {
  readonly bytesPerSecond: number;
  readonly by: 'now' | 'trend' | 'percentile' | 'hour' | 'model';
}

/** Something that predicts: a learned model, say. What it gives is held within bounds, and can only add. */
export interface DemandModel {
  /** The newest last, one each second, bytes per second. Returns what is expected in ten seconds. */
  predict(demand: readonly number[]): number;
}

/** A model is believed as far as this many times the most of the last ten minutes. */
const MAX_MODEL_FACTOR = 2;

/**
 * What demand is to be expected: at least what is there now. Holt's trend, ten seconds ahead; the 95th percentile of the last ten
 * minutes, which keeps what bursts need; the median of this hour on former days, once two are known; and a model, if there is one.
 */
export class DemandForecast {
  readonly #holt = new Holt();
  readonly #hours: HourlyTable;
  readonly #peak: HourPeak;
  readonly #window: number[] = [];
  readonly #model: DemandModel | undefined;

  /** `hours`: what former days needed, of all sessions that share it. Default: of this one alone. */
  constructor(model?: DemandModel, hours = new HourlyTable()) {
    this.#model = model;
    this.#hours = hours;
    this.#peak = new HourPeak(hours);
  }

  /** The session ends: what it needed is known to those that come. */
  end(): void {
    this.#peak.end();
  }

  /** Once a second; `wallMs` is milliseconds since 1970. */
  observe(bytesPerSecond: number, wallMs: number): Forecast {
    this.#holt.observe(bytesPerSecond);
    this.#peak.observe(bytesPerSecond, wallMs);
    this.#window.push(bytesPerSecond);
    if (this.#window.length > WINDOW_SAMPLES) this.#window.shift();
    const trend = Math.min(this.#holt.ahead(TREND_STEPS), MAX_TREND_FACTOR * bytesPerSecond);
    const forecasts: readonly Forecast[] = [
      { bytesPerSecond, by: 'now' },
      { bytesPerSecond: trend, by: 'trend' },
      { bytesPerSecond: this.#percentile(), by: 'percentile' },
      { bytesPerSecond: this.#hours.median(wallMs + TABLE_AHEAD_MS) ?? 0, by: 'hour' },
      { bytesPerSecond: this.#modelled(), by: 'model' },
    ];
    return forecasts.reduce((most, one) => (one.bytesPerSecond > most.bytesPerSecond ? one : most));
  }

  #percentile(): number {
    if (this.#window.length < MIN_SAMPLES) return 0;
    const sorted = [...this.#window].sort((a, b) => a - b);
    return sorted[Math.ceil(PERCENTILE * sorted.length) - 1]!;
  }

  #modelled(): number {
    if (this.#model === undefined) return 0;
    const said = this.#model.predict(this.#window);
    const most = this.#window.reduce((max, value) => Math.max(max, value), 0);
    return Number.isFinite(said) ? Math.min(Math.max(0, said), MAX_MODEL_FACTOR * most) : 0;
  }
}

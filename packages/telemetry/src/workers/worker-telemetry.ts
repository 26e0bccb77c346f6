import { performance } from 'node:perf_hooks';
import { checkOptions, optionRules, type CounterRegistry } from '@kwik/wire';
import type { AlertChange } from '../alerts/alert.js';
import { AlertWatch } from '../alerts/alert-watch.js';
import { lookAt, mergedSums } from '../history/server-sums.js';
import { LiveState, type LivePath } from '../live/live-state.js';
import { Timeline } from '../live/timeline.js';
import { Metrics } from '../metrics/metrics.js';
import { FlightRecorder, flightJson } from '../recorder/flight-recorder.js';
import { counters as someCounters } from '../telemetry-rules.js';
import { isQuestion, type WorkerAnswer, type WorkerMetrics, type WorkerQuestion } from './messages.js';

export interface WorkerTelemetryOptions {
  /** Those of the process: `processDiagnostics().counters` of @kwik/session. */
  readonly counters: CounterRegistry;
  /** Sends a message, JSON, to the process that has the `FleetTelemetry`. */
  readonly send: (message: unknown) => void;
  readonly onAlert?: (change: AlertChange) => void;
}

const { call, group } = optionRules;
const RULES = group<WorkerTelemetryOptions>({ counters: someCounters, send: call, onAlert: call }, [
  'counters',
  'send',
]);

/** Gaps of failovers that nobody has asked for yet; of more, the last ones are told. */
const MAX_GAPS = 1_000;
const MAX_FLIGHT_CHARACTERS = 4 * 1024 * 1024;

/** What watches one of several processes that are shown together; it answers what `FleetTelemetry` asks. */
export class WorkerTelemetry implements Disposable {
  readonly #options: WorkerTelemetryOptions;
  readonly #metrics: Metrics;
  readonly #recorder: FlightRecorder;
  readonly #alerts: AlertWatch;
  readonly #timeline = new Timeline();
  readonly #state: LiveState;
  readonly #gaps: number[] = [];
  #gap = 0;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: WorkerTelemetryOptions) {
    checkOptions(options, { call: 'WorkerTelemetry', root: RULES });
    const { counters, onAlert } = options;
    this.#options = options;
    this.#metrics = new Metrics(counters);
    this.#recorder = new FlightRecorder({ counters });
    this.#alerts = new AlertWatch({ counters, sinks: onAlert === undefined ? [] : [onAlert] });
    this.#state = new LiveState(counters);
    this.#metrics.onGap((seconds) => {
      this.#gap += 1;
      this.#gaps.push(seconds);
      if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
    });
  }

  /** Takes what the other process says. False: the message is about something else. */
  take(message: unknown): boolean {
    if (!isQuestion(message)) return false;
    this.#options.send(this.#answer(message));
    return true;
  }

  [Symbol.dispose](): void {
    for (const part of [this.#metrics, this.#recorder, this.#alerts, this.#timeline]) part[Symbol.dispose]();
  }

  #answer({ id, line, gap, metrics, overview, sessions = [], flight }: WorkerQuestion): WorkerAnswer {
    const nowMs = performance.now();
    const unknown = Math.min(this.#gaps.length, this.#gap - gap);
    const paths = sessions.flatMap((session): [string, LivePath[]][] => {
      const own = this.#state.paths(session, nowMs);
      return own === undefined ? [] : [[session, own]];
    });
    return {
      telemetry: 'answer',
      id,
      lines: this.#timeline.since(line),
      gaps: unknown > 0 ? this.#gaps.slice(-unknown) : [],
      gap: this.#gap,
      paths: Object.fromEntries(paths),
      ...(metrics === true && { metrics: this.#readMetrics() }),
      ...(overview !== undefined && { ...this.#readOverview(nowMs, overview) }),
      ...(flight === true && { flight: this.#readFlight() }),
    };
  }

  #readMetrics(): WorkerMetrics {
    const samples = this.#metrics.samples();
    const servers = mergedSums([lookAt(this.#options.counters)]);
    return { series: [...samples.series()], spreads: [...samples.spreads()], servers: [...servers] };
  }

  #readOverview(nowMs: number, most: number): Pick<WorkerAnswer, 'overview' | 'alerts'> {
    const { total, sessions, servers } = this.#state.overview(nowMs);
    return { overview: { total, sessions: sessions.slice(0, most), servers }, alerts: this.#alerts.alerts };
  }

  /** Events alone where the figures of paths are too much. */
  #readFlight(): string | null {
    const flight = this.#recorder.flight('asked for');
    const all = [flight, { ...flight, samples: [] }].map(flightJson);
    return all.find(({ length }) => length <= MAX_FLIGHT_CHARACTERS) ?? null;
  }
}

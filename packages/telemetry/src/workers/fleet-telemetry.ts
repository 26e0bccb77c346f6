import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { checkOptions, optionRules } from '@kwik/wire';
import { AdminServer, answer, type HealthCheck } from '../admin/admin-server.js';
import { checkAdmin, type AdminAddress } from '../admin/admin-rules.js';
import { attempt } from '../events/subscriptions.js';
import { History } from '../history/history.js';
import { historyRoutes } from '../history/history-routes.js';
import { carriedOnly, mergedSums, type ServerSums } from '../history/server-sums.js';
import { liveRoutes } from '../live/live-routes.js';
import { pageRoutes } from '../live/page-routes.js';
import type { MetricSource } from '../metrics/metrics.js';
import { PrometheusMetrics } from '../metrics/prometheus.js';
import type { Samples, Series } from '../metrics/samples.js';
import { FleetState } from './fleet-state.js';
import { countersOf, MergedSamples } from './merged-samples.js';
import { isAnswer, type Wanted } from './messages.js';
import { MAX_WAIT_MS, WorkerLink } from './worker-link.js';

export interface FleetTelemetryOptions {
  /** Sends a message, JSON, to the `WorkerTelemetry` of a worker; false when it cannot. */
  readonly send: (worker: number, message: unknown) => boolean;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

const { call, group } = optionRules;
const RULES = group<FleetTelemetryOptions>({ send: call, now: call }, ['send']);

/** So often workers are asked by themselves: what one has counted since then is lost when it is killed. */
const LOOK_MS = 5_000;
/** One scrape asks for each metric in turn: they see the same reading. */
const FRESH_MS = 100;

/**
 * Watches several processes as one, and shows them: metrics are summed, or taken together by their kind, and sessions are listed
 * with their worker. A worker that does not answer within a second is left out, which the metric `kwik_workers`, health and the
 * page say; nobody waits for it again until it answers. What workers have counted stays when they are gone.
 */
export class FleetTelemetry implements MetricSource, Disposable {
  readonly prometheus: PrometheusMetrics;
  /** A day and a month; on disk after `history.keep(file)`, until `history.close()`. */
  readonly history: History;
  readonly #send: (worker: number, message: unknown) => boolean;
  readonly #now: () => number;
  readonly #links = new Map<number, WorkerLink>();
  readonly #state: FleetState;
  readonly #gapListeners = new Set<(seconds: number) => void>();
  readonly #timer: NodeJS.Timeout;
  #goneSeries: readonly Series<number>[] = [];
  #latest: { readonly samples: Samples; readonly atMs: number } | undefined;
  #goneServers: ReadonlyMap<string, ServerSums> = new Map();

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: FleetTelemetryOptions) {
    checkOptions(options, { call: 'FleetTelemetry', root: RULES });
    const { send, now = () => performance.now() } = options;
    this.#send = send;
    this.#now = now;
    this.#state = new FleetState(this.#links);
    this.prometheus = new PrometheusMetrics(this);
    this.history = new History({ counters: () => this.#servers() });
    this.#timer = setInterval(() => attempt(() => void this.refresh({ metrics: true })), LOOK_MS).unref();
  }

  /** A worker serves from now on. */
  add(worker: number): void {
    this.#links.set(worker, new WorkerLink(worker, (question) => this.#send(worker, question), this.#now));
  }

  /** It is gone, and all that it sent has been taken. */
  remove(worker: number): void {
    const link = this.#links.get(worker);
    if (link === undefined) return;
    this.#links.delete(worker);
    this.#latest = undefined;
    link.end();
    if (link.metrics === undefined) return;
    const { series, servers } = link.metrics;
    this.#goneSeries = countersOf([this.#goneSeries, series]);
    const carried = servers.map(([name, sums]) => [name, carriedOnly(sums)] as const);
    this.#goneServers = mergedSums([this.#goneServers, carried]);
  }

  /** Takes what a worker sent. False: the message is about something else. */
  take(worker: number, message: unknown): boolean {
    if (!isAnswer(message)) return false;
    this.#latest = undefined;
    const heard = this.#links.get(worker)?.take(message);
    for (const seconds of heard?.gaps ?? []) for (const tell of this.#gapListeners) tell(seconds);
    this.#state.addLines(worker, heard?.lines ?? []);
    return true;
  }

  /** Workers that do not answer. */
  get silent(): number[] {
    return [...this.#links.values()].filter(({ isSilent }) => isSilent).map(({ worker }) => worker);
  }

  /** Asks all workers; resolves when those that answer have, and after a second at the most. */
  async refresh(wanted: Wanted): Promise<void> {
    const asked = [...this.#links.values()].map((link) => {
      const answered = link.ask(wanted);
      return link.isSilent ? Promise.resolve() : answered;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, MAX_WAIT_MS);
    });
    await Promise.race([Promise.all(asked), late]);
    clearTimeout(timer);
  }

  /** Of the last answers: levels of those that answer, and what all have counted, also those that are gone. */
  samples(): Samples {
    const nowMs = this.#now();
    if (this.#latest === undefined || nowMs - this.#latest.atMs >= FRESH_MS) {
      this.#latest = { samples: this.#merge(), atMs: nowMs };
    }
    return this.#latest.samples;
  }

  onGap(listener: (seconds: number) => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  /**
   * Serves page, metrics, health and the flight recorders of all workers. Rejects as `AdminServer.listen` does. `health`: what is
   * wrong with all of them together.
   */
  async admin(
    address: AdminAddress,
    health: HealthCheck = () => [],
    about: () => object = () => ({}),
  ): Promise<AdminServer> {
    checkAdmin(address, health, about);
    const state = this.#state;
    const routes = {
      ...pageRoutes(),
      ...historyRoutes(this.history),
      ...liveRoutes({
        state,
        timeline: state,
        alerts: () => state.alerts,
        refresh: (session, withAll) => this.refresh(state.wanted(session, withAll)),
        now: this.#now,
      }),
      '/metrics': async (_request: unknown, response: ServerResponse) => {
        await this.refresh({ metrics: true });
        response.writeHead(200, { 'Content-Type': this.prometheus.contentType }).end(await this.prometheus.text());
      },
      '/health': async (_request: unknown, response: ServerResponse) => {
        await this.refresh({});
        this.#tellHealth(response, health());
      },
      '/about': (_request: unknown, response: ServerResponse) => {
        answer(response, 200, JSON.stringify({ ...about(), silentWorkers: this.silent }), 'application/json');
      },
      '/flight': async (_request: unknown, response: ServerResponse) => {
        for (const link of this.#links.values()) link.flight = undefined;
        await this.refresh({ flight: true });
        const flights = [...this.#links.values()].map(({ worker, flight }) => flightOf(worker, flight));
        answer(response, 200, `{"workers":[${flights.join(',')}]}`, 'application/json');
      },
    };
    return AdminServer.listen({ ...address, routes });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    void this.history.close();
    this.prometheus[Symbol.dispose]();
    this.#gapListeners.clear();
    for (const link of this.#links.values()) link.end();
  }

  #merge(): Samples {
    const merged = new MergedSamples();
    merged.add({ series: this.#goneSeries, spreads: [] }, { countersOnly: true });
    let silent = 0;
    for (const link of this.#links.values()) {
      if (link.isSilent) silent += 1;
      if (link.metrics !== undefined) merged.add(link.metrics, { countersOnly: link.isSilent });
    }
    merged.samples.set('kwik_workers', ['answering'], this.#links.size - silent);
    merged.samples.set('kwik_workers', ['silent'], silent);
    return merged.finish();
  }

  /** One worker that answers is enough to serve; none is as if the process hung. */
  #tellHealth(response: ServerResponse, problems: readonly string[]): void {
    const silent = this.silent.map((worker) => `worker ${worker} does not answer`);
    const isFailing = problems.length > 0 || (silent.length > 0 && silent.length === this.#links.size);
    const status = isFailing ? 'failing' : silent.length > 0 ? 'degraded' : 'ok';
    const body = JSON.stringify({ status, problems: [...problems, ...silent] });
    answer(response, isFailing ? 503 : 200, `${body}\n`, 'application/json');
  }

  #servers(): Map<string, ServerSums> {
    const known = [...this.#links.values()].map(({ metrics, isSilent }) =>
      (metrics?.servers ?? []).map(([name, sums]) => [name, isSilent ? carriedOnly(sums) : sums] as const),
    );
    return mergedSums([this.#goneServers, ...known]);
  }
}

/** `flight` is JSON already. */
function flightOf(worker: number, flight: string | null | undefined): string {
  if (typeof flight === 'string') return `{"worker":${worker},"flight":${flight}}`;
  const problem = flight === null ? 'its last minute is too large' : 'it does not answer';
  return JSON.stringify({ worker, flight: null, problem });
}

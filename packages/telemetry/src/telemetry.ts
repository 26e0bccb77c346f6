import type { ServerResponse } from 'node:http';
import { checkOptions, optionRules, type CounterRegistry } from '@kwik/wire';
import { AdminServer, type HealthCheck } from './admin/admin-server.js';
import { checkAdmin, type AdminAddress } from './admin/admin-rules.js';
import { probeRoutes } from './admin/probe-routes.js';
import type { AlertChange } from './alerts/alert.js';
import { AlertWatch } from './alerts/alert-watch.js';
import type { OwnDetector } from './alerts/detectors/own-detectors.js';
import { History } from './history/history.js';
import { historyRoutes } from './history/history-routes.js';
import { LiveState } from './live/live-state.js';
import { liveRoutes } from './live/live-routes.js';
import { pageRoutes } from './live/page-routes.js';
import { Timeline } from './live/timeline.js';
import { Metrics } from './metrics/metrics.js';
import { PrometheusMetrics } from './metrics/prometheus.js';
import { FlightRecorder, flightJson, type Flight } from './recorder/flight-recorder.js';
import { counters as someCounters } from './telemetry-rules.js';

export interface TelemetryOptions {
  /** Those of the process: `processDiagnostics().counters` of @kwik/session. */
  readonly counters: CounterRegistry;
  /** Told of alerts as they are raised, worsen and resolve. */
  readonly onAlert?: (change: AlertChange) => void;
  /** Detectors of your own, a learned model say, beside those that are built in. */
  readonly detectors?: OwnDetector;
  /** Given the last minute after a violation or a failover. */
  readonly onFlight?: (flight: Flight) => void;
}

const { call, group } = optionRules;
const RULES = group<TelemetryOptions>({ counters: someCounters, onAlert: call, detectors: call, onFlight: call }, [
  'counters',
]);

/** All that watches a process, and shows it: metrics, alerts, the flight recorder and the live page. */
export class Telemetry implements Disposable {
  readonly metrics: Metrics;
  readonly prometheus: PrometheusMetrics;
  readonly recorder: FlightRecorder;
  readonly alerts: AlertWatch;
  readonly timeline = new Timeline();
  readonly state: LiveState;
  /** A day and a month; on disk after `history.keep(file)`, until `history.close()`. */
  readonly history: History;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong, before anything is watched. */
  constructor(options: TelemetryOptions) {
    checkOptions(options, { call: 'Telemetry', root: RULES });
    const { counters, onAlert, onFlight, detectors } = options;
    this.metrics = new Metrics(counters);
    this.prometheus = new PrometheusMetrics(this.metrics);
    this.recorder = new FlightRecorder({ counters, ...(onFlight !== undefined && { onDump: onFlight }) });
    const sinks = onAlert === undefined ? [] : [onAlert];
    this.alerts = new AlertWatch({ counters, sinks, ...(detectors !== undefined && { detectors }) });
    this.state = new LiveState(counters);
    this.history = new History({ counters });
  }

  /**
   * Serves page, metrics, health and the flight recorder. Rejects as `AdminServer.listen` does. `about`: version and
   * configuration of the process, without its secrets, for support.
   */
  async admin(
    address: AdminAddress,
    health: HealthCheck = () => [],
    about: () => object = () => ({}),
  ): Promise<AdminServer> {
    checkAdmin(address, health, about);
    const { state, timeline } = this;
    const routes = {
      ...pageRoutes(),
      ...probeRoutes(this.prometheus, health),
      ...historyRoutes(this.history),
      ...liveRoutes({ state, timeline, alerts: () => this.alerts.alerts }),
      '/about': (_request: unknown, response: ServerResponse) => sendJson(response, JSON.stringify(about())),
      '/flight': (_request: unknown, response: ServerResponse) => {
        sendJson(response, flightJson(this.recorder.flight('asked for')));
      },
    };
    return AdminServer.listen({ ...address, routes });
  }

  [Symbol.dispose](): void {
    void this.history.close();
    for (const part of [this.prometheus, this.metrics, this.recorder, this.alerts, this.timeline])
      part[Symbol.dispose]();
  }
}

function sendJson(response: ServerResponse, json: string): void {
  response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(json);
}

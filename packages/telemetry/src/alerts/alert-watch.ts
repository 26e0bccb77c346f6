import { channel } from 'node:diagnostics_channel';
import { checkOptions, DiagnosticPublisher, optionRules, type CounterRegistry, type PathReading } from '@kwik/wire';
import { attempt, listen } from '../events/subscriptions.js';
import { counters } from '../telemetry-rules.js';
import type { AlertChange, AlertView } from './alert.js';
import { AlertBook } from './alert-book.js';
import type { OwnDetector } from './detectors/own-detectors.js';
import { ServerWatch, type ServerSignals } from './server-watch.js';

const ROUND_MS = 1_000;

export interface AlertWatchOptions {
  readonly counters: CounterRegistry;
  /** Told of each change; a log, a webhook. What one throws is dropped. The channel `kwik:alert:changed` has it besides. */
  readonly sinks?: readonly ((change: AlertChange) => void)[];
  /** Detectors of your own, beside those that are built in; one that fails is left out from then on, and an alert says so. */
  readonly detectors?: OwnDetector;
  /** Milliseconds since 1970. */
  readonly wallClockMs?: () => number;
}

const { call, group, list } = optionRules;
const RULES = group<AlertWatchOptions>({ counters, sinks: list(call), detectors: call, wallClockMs: call }, [
  'counters',
]);

/** Looks at all servers once a second, and tells of what is wrong with them and when it is over. */
export class AlertWatch implements Disposable {
  readonly book = new AlertBook();
  readonly #watch: ServerWatch;
  readonly #options: AlertWatchOptions;
  readonly #publisher = new DiagnosticPublisher(channel);
  readonly #failovers = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #end: () => void;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: AlertWatchOptions) {
    checkOptions(options, { call: 'AlertWatch', root: RULES });
    this.#options = options;
    this.#watch = new ServerWatch(options.detectors);
    // Nobody catches what a timer throws.
    this.#timer = setInterval(() => attempt(() => this.round()), ROUND_MS).unref();
    this.#end = listen({
      'kwik:path:failover': ({ server, address }) => {
        const name = nameOf({ server, address });
        this.#failovers.set(name, (this.#failovers.get(name) ?? 0) + 1);
      },
      // That a server does not answer, or is lost, is found out, and not done to it.
      'kwik:scaling:step': ({ server, step, decider = 'scaling' }) => {
        if (decider === 'scaling' && step !== 'degrade') this.#watch.ownAction(server);
      },
    });
  }

  get alerts(): readonly AlertView[] {
    return this.book.views();
  }

  /** Once a second by itself. */
  round(): void {
    const { sinks = [], wallClockMs = () => Date.now() } = this.#options;
    const findings = this.#watch.round(this.#signals());
    this.#failovers.clear();
    for (const change of this.book.round(findings, wallClockMs())) {
      this.#publisher.publish('kwik:alert:changed', () => ({ change: change.change, ...change.alert }));
      for (const sink of sinks) attempt(() => sink(change));
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#end();
  }

  /** Of the servers of clients: what connects to a listener is no server. */
  #signals(): ServerSignals[] {
    const servers = new Map<string, PathReading[]>();
    for (const source of this.#options.counters.sources()) {
      if (source.kind !== 'session' || source.role !== 'client') continue;
      for (const path of source.read().paths) {
        const known = servers.get(nameOf(path));
        if (known === undefined) servers.set(nameOf(path), [path]);
        else known.push(path);
      }
    }
    return Array.from(servers, ([server, paths]) => ({
      server,
      paths: paths.length,
      usable: paths.filter(isUsable).length,
      rttMs: mean(paths.map(({ rttMs }) => rttMs)),
      lossRate: mean(paths.map(({ lossRate }) => lossRate)),
      failovers: this.#failovers.get(server) ?? 0,
    }));
  }
}

function nameOf({ server, address }: Pick<PathReading, 'server' | 'address'>): string {
  return server === '' ? address : server;
}

function isUsable({ state, flow }: PathReading): boolean {
  return (state === 'active' || state === 'degraded') && flow !== 'stalled';
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

import { performance } from 'node:perf_hooks';
import { DIAGNOSTIC_NAMES, type CounterRegistry, type DiagnosticName, type SessionReading } from '@kwik/wire';
import { attempt, listen, type Listeners } from '../events/subscriptions.js';

/** How far back it remembers. */
const KEPT_MS = 60_000;
const SAMPLE_MS = 250;
/** Sessions that are sampled; of a server of thousands the events are all, and the figures those of the first. */
const MAX_SESSIONS = 32;
/** Of all of them together, in one look. */
const MAX_PATHS = 128;
const MAX_EVENTS = 2_000;
/** One failure of many paths at once is one dump. */
const DUMP_INTERVAL_MS = 10_000;

export interface RecordedEvent {
  readonly atMs: number;
  readonly name: DiagnosticName;
  readonly event: Readonly<Record<string, unknown>>;
}

/** Figures of a path at one time. */
export interface RecordedPath {
  readonly session: string;
  readonly path: number;
  readonly state: string;
  readonly flow: string;
  readonly rttMs: number;
  readonly lossRate: number;
  readonly inFlightBytes: number;
  readonly windowBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly unused: string;
}

export interface Flight {
  /** What the dump was made for. */
  readonly reason: string;
  readonly atMs: number;
  /** Oldest first. */
  readonly events: readonly RecordedEvent[];
  readonly samples: readonly { readonly atMs: number; readonly paths: readonly RecordedPath[] }[];
}

export interface FlightRecorderOptions {
  readonly counters: CounterRegistry;
  /** Called with what is remembered after a violation or a failover, at most every 10 s. */
  readonly onDump?: (flight: Flight) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Remembers the last minute: every event, and four times a second the figures of paths. Its memory is bounded. */
export class FlightRecorder implements Disposable {
  readonly #options: FlightRecorderOptions;
  readonly #now: () => number;
  readonly #events: RecordedEvent[] = [];
  readonly #samples: { atMs: number; paths: RecordedPath[] }[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #end: () => void;
  #dumpedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FlightRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const listeners = DIAGNOSTIC_NAMES.map((name) => [name, (event: unknown) => this.#hear(name, event)]);
    this.#end = listen(Object.fromEntries(listeners) as Listeners);
    this.#timer = setInterval(() => attempt(() => this.sample()), SAMPLE_MS).unref();
  }

  get events(): readonly RecordedEvent[] {
    return this.#events;
  }

  /** Takes the figures of now. */
  sample(): void {
    const atMs = this.#now();
    const paths: RecordedPath[] = [];
    let sessions = 0;
    for (const source of this.#options.counters.sources()) {
      if (source.kind !== 'session') continue;
      if (++sessions > MAX_SESSIONS || paths.length >= MAX_PATHS) break;
      // One that cannot be read costs no other its figures.
      attempt(() => paths.push(...recorded(source.read()).slice(0, MAX_PATHS - paths.length)));
    }
    if (paths.length > 0) this.#samples.push({ atMs, paths });
    this.#forget(atMs);
  }

  /** What is remembered now. */
  flight(reason: string): Flight {
    return { reason, atMs: this.#now(), events: [...this.#events], samples: [...this.#samples] };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#end();
  }

  #hear(name: DiagnosticName, event: unknown): void {
    const atMs = this.#now();
    this.#events.push({ atMs, name, event: event as RecordedEvent['event'] });
    if (this.#events.length > MAX_EVENTS) this.#events.shift();
    if (name === 'kwik:path:failover' || name === 'kwik:peer:violation') this.#dump(name, atMs);
  }

  #dump(reason: string, atMs: number): void {
    const { onDump } = this.#options;
    if (onDump === undefined || atMs - this.#dumpedAtMs < DUMP_INTERVAL_MS) return;
    this.#dumpedAtMs = atMs;
    onDump(this.flight(reason));
  }

  #forget(nowMs: number): void {
    while ((this.#samples[0]?.atMs ?? nowMs) < nowMs - KEPT_MS) this.#samples.shift();
    while ((this.#events[0]?.atMs ?? nowMs) < nowMs - KEPT_MS) this.#events.shift();
  }
}

function recorded({ sessionId, paths }: SessionReading): RecordedPath[] {
  return paths.map((path) => ({
    session: sessionId,
    path: path.pathId,
    state: path.state,
    flow: path.flow,
    rttMs: path.rttMs,
    lossRate: path.lossRate,
    inFlightBytes: path.inFlightBytes,
    windowBytes: path.windowBytes,
    receivedBytes: path.receivedBytes,
    sentBytes: path.sentBytes,
    unused: path.unused,
  }));
}

/** A flight as JSON; stream ids are beyond what its numbers hold. */
export function flightJson(flight: Flight): string {
  return JSON.stringify(flight, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

import { processDiagnostics, systemClock } from '@kwik/quic';
import {
  KwikError,
  type Clock,
  type PathId,
  type SelectionResult,
  type ServerDirectory,
  type ServerQuery,
  type ServerRecord,
  type TimerHandle,
} from '@kwik/wire';
import type { PathCapability, PathInfo, ServerSession } from '../api/session.js';

/** A server that could not be added, or whose path died, is left alone for so long, twice as long after each further failure. */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 30_000;
/** What a server failed at is forgotten when a path to it has lived for so long: one that dies at once, again and again, is none. */
const PROVED_MS = MAX_WAIT_MS;
/** For one server; then another one is tried: a path is back within 5 s (V2.3). */
const ATTEMPT_MS = 3000;
/** Addresses whose failures are remembered. */
const MAX_REMEMBERED = 256;
const MAX_REASONS = 4;

export interface DiscoveredPathOptions {
  /** How many paths to other servers the session is to have. */
  readonly count: number;
  /** What they may do, and so what they must offer. Default: `['replica']`. */
  readonly capabilities?: readonly PathCapability[];
  /** Which of them are wanted, besides. This server's own id and addresses belong into `exclude`. */
  readonly query?: Omit<ServerQuery, 'capabilities'>;
  /** Told, once each time, why the session has fewer paths than it should. */
  readonly onShort?: (reason: string) => void;
  readonly clock?: Clock;
}

/**
 * Keeps a session of a primary supplied with paths to servers of a service: adds the best, replaces those that are lost within
 * moments, and, before they go, those that drain. Without a suitable server the session goes on over what it has, and that is said.
 * Returns what ends it; the end of the session does, too. What it added then stays.
 */
export function keepDiscoveredPaths(
  session: ServerSession,
  directory: ServerDirectory,
  options: DiscoveredPathOptions,
): () => void {
  const keeper = new DiscoveredPaths(session, directory, options);
  void session.closed.then(() => keeper.end());
  return () => keeper.end();
}

interface HeldPath {
  readonly id: PathId;
  readonly sinceMs: number;
  isActive: boolean;
  /** Somebody removes it: its end says nothing against its server. */
  isLeaving: boolean;
  /** Its server says of itself, by the client, that it takes nobody new. */
  isFull: boolean;
}

class DiscoveredPaths {
  readonly #session: ServerSession;
  readonly #directory: ServerDirectory;
  readonly #options: DiscoveredPathOptions;
  readonly #clock: Clock;
  /** Paths of this keeper by their address. */
  readonly #held = new Map<string, HeldPath>();
  readonly #failures = new Map<string, { waitMs: number; untilMs: number }>();
  readonly #stops: (() => void)[];
  #timer: TimerHandle | undefined;
  #working = false;
  #again = false;
  #ended = false;
  /** Why it has too few paths, as was said; '' when it has enough. */
  #short = '';
  /** Held paths that it did not count then, by the word of their servers alone. */
  #shortOf: readonly string[] = [];

  constructor(session: ServerSession, directory: ServerDirectory, options: DiscoveredPathOptions) {
    this.#session = session;
    this.#directory = directory;
    this.#options = options;
    this.#clock = options.clock ?? systemClock();
    this.#stops = [directory.onChange(() => this.#wake()), session.onPathChange((path) => this.#onPath(path))];
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  #onPath({ id, address, state, rttMs, errorCode, reason, serverHealth }: PathInfo): void {
    const held = this.#held.get(address);
    if (held?.id !== id) return;
    // What is told of a path that stays active, its server's health say, shows nothing of the server.
    const comes = state === 'active' && !held.isActive;
    if (comes) this.#directory.observe(address, { kind: 'success', ...(rttMs > 0 && { rttMs }) });
    held.isActive = state === 'active';
    if (state === 'draining') held.isLeaving = true;
    if (serverHealth?.accepting === held.isFull) {
      held.isFull = !held.isFull;
      this.#wake();
    }
    if (state !== 'dead') return;
    this.#held.delete(address);
    if (this.#clock.now() >= held.sinceMs + PROVED_MS) this.#failures.delete(address);
    // A client tells that a path is dead, and afterwards why.
    const removed = errorCode === undefined ? held.isLeaving : errorCode === 'ERR_KWIK_PATH_REMOVED';
    if (!removed) this.#failed(address, new KwikError(errorCode ?? 'ERR_KWIK_PATH_DEAD', reason));
    this.#wake();
  }

  /** One round at a time; what changes meanwhile is looked at in another. */
  #wake(): void {
    if (this.#working) this.#again = true;
    else if (!this.#ended) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    do {
      this.#again = false;
      await this.#fill();
      await this.#letGo();
    } while (this.#isDue());
    this.#working = false;
    // A server that rests now may be chosen again afterwards.
    this.#wakeLater();
  }

  async #fill(): Promise<void> {
    const wanted = this.#options.count - this.#good().length;
    // What only comes and goes with the word of a server is said once.
    const isBack = this.#shortOf.some((address) => this.#held.has(address));
    if (wanted <= 0 && !isBack) this.#short = '';
    if (wanted <= 0 || this.#over()) return;
    const { capabilities = ['replica'], query = {} } = this.#options;
    const exclude = [...(query.exclude ?? []), ...this.#held.keys(), ...this.#resting()];
    const selection = await this.#directory.select({ ...query, capabilities, exclude, count: wanted });
    if (selection.chosen.length < wanted) this.#say(selection);
    await Promise.all(selection.chosen.map(({ record, reason }) => this.#add(record, reason)));
  }

  async #add(record: ServerRecord, why: string): Promise<void> {
    const [address = '', ...alternatives] = record.addresses;
    if (this.#over()) return;
    this.#publish(record, 'chosen', why);
    try {
      const path = await this.#session.addPath(address, {
        alternatives,
        timeoutMs: ATTEMPT_MS,
        capabilities: this.#options.capabilities ?? ['replica'],
        // Another server takes the place of one that is lost; it may be chosen again when it is well.
        reconnect: false,
        ...(record.serverName !== undefined && { serverName: record.serverName }),
      });
      const sinceMs = this.#clock.now();
      this.#held.set(address, { id: path.id, sinceMs, isActive: true, isLeaving: false, isFull: false });
      this.#directory.observe(address, { kind: 'success', ...(path.rttMs > 0 && { rttMs: path.rttMs }) });
      // It may have died before it was held, or its server may have said how it is.
      const now = this.#session.getAllPaths().find(({ id }) => id === path.id);
      if (now !== undefined) this.#onPath(now);
    } catch (error) {
      if (!this.#over()) this.#failed(address, KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED'));
    }
  }

  /** Paths to servers that drain go when there are enough others. */
  async #letGo(): Promise<void> {
    const good = this.#good();
    for (const [address, { id }] of [...this.#held]) {
      if (this.#over() || good.includes(address)) continue;
      if (good.length < this.#options.count) return;
      this.#held.delete(address);
      // What the client says is believed for its own session, and not for ever.
      if (this.#directory.find(address)?.accepting !== false) this.#rest(address);
      await this.#session.removePath(id, 'the server drains').catch(() => undefined);
    }
  }

  /** Those whose servers do not drain. What discovery no longer knows, and works, is kept. */
  #good(): string[] {
    const held = [...this.#held].filter(([, { isFull }]) => !isFull).map(([address]) => address);
    return held.filter((address) => this.#directory.find(address)?.accepting !== false);
  }

  #failed(address: string, error: KwikError): void {
    this.#directory.observe(address, { kind: 'failure', error });
    this.#rest(address);
    this.#again = true;
  }

  /** It is left alone, for twice as long as the last time. */
  #rest(address: string): void {
    const waitMs = Math.min(MAX_WAIT_MS, (this.#failures.get(address)?.waitMs ?? FIRST_WAIT_MS / 2) * 2);
    this.#failures.delete(address);
    this.#failures.set(address, { waitMs, untilMs: this.#clock.now() + waitMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }

  #resting(): string[] {
    const now = this.#clock.now();
    return [...this.#failures].flatMap(([address, { untilMs }]) => (now < untilMs ? [address] : []));
  }

  #wakeLater(): void {
    const now = this.#clock.now();
    const restsMs = [...this.#failures.values()].map(({ untilMs }) => untilMs - now).filter((restMs) => restMs > 0);
    this.#timer?.cancel();
    if (restsMs.length === 0 || this.#ended) return;
    this.#timer = this.#clock.schedule(Math.min(...restsMs), () => this.#wake());
  }

  #say({ chosen, rejected, notes }: SelectionResult): void {
    const reasons = [...notes, ...rejected.map(({ record, reason }) => `${nameOf(record)}: ${reason}`)];
    const has = this.#held.size + chosen.length;
    const path = has === 0 ? 'a single path' : `${has + 1} paths`;
    const text = `the session goes on over ${path}: '${this.#directory.service}' has no further suitable server`;
    const said = [text, ...reasons.slice(0, MAX_REASONS)].join('; ');
    if (said === this.#short) return;
    this.#short = said;
    this.#shortOf = [...this.#held].flatMap(([address, { isFull }]) => (isFull ? [address] : []));
    processDiagnostics().publisher.publish('kwik:discovery:server', () => ({
      server: '',
      source: this.#directory.service,
      change: 'not-chosen',
      reason: said,
    }));
    try {
      this.#options.onShort?.(said);
    } catch {
      // No callback of an application ends the process, and this one has nobody to be told.
    }
  }

  #publish(record: ServerRecord, change: 'chosen', reason: string): void {
    processDiagnostics().publisher.publish('kwik:discovery:server', () => ({
      server: nameOf(record),
      source: this.#directory.service,
      change,
      reason,
    }));
  }

  /** Something changed while a round was under way. */
  #isDue(): boolean {
    return this.#again && !this.#ended;
  }

  #over(): boolean {
    return this.#ended;
  }
}

function nameOf({ serverId, addresses }: ServerRecord): string {
  return serverId === '' ? (addresses[0] ?? '') : serverId;
}

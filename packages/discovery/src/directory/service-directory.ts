import {
  checkArgument,
  checkOptions,
  KwikError,
  optionRules,
  type AbortSignalLike,
  type Clock,
  type DiagnosticPublisher,
  type RecordVerifier,
  type SelectionRequest,
  type SelectionResult,
  type ServerDirectory,
  type ServerHeartbeat,
  type ServerOutcome,
  type ServerQuery,
  type ServerRecord,
  type TimerHandle,
} from '@kwik/wire';
import type { DiscoverySource } from '../sources/discovery-source.js';
import { whatChanged } from '../core/records/record-equality.js';
import { HealthBook } from '../core/health/health-book.js';
import { HEALTH_RULES, type HealthOptions } from '../core/health/health-options.js';
import {
  REGISTRY_BOUNDS,
  ServerRegistry,
  type RegistryChange,
  type RegistryEntry,
  type RegistryOptions,
} from '../core/registry/server-registry.js';
import type { SourceStatus } from '../core/registry/source-state.js';
import type { Candidate } from '../core/selection/candidate.js';
import { DEFAULT_POLICY, POLICY_RULES, type SelectionPolicy } from '../core/selection/policy.js';
import { checkRequest } from '../core/registry/query.js';
import { selectServers } from '../core/selection/select-servers.js';
import { withDefaults } from '../core/with-defaults.js';
import { LoopDelay, TICK_MS } from './loop-delay.js';
import { ServerNews } from './server-news.js';
import { runSource } from './source-runner.js';

/** A capability query is answered within 2 s, whatever the sources do (V4.3). */
const FIRST_ANSWER_MS = 1800;
/** Changes that come together are told together. */
const TELL_AFTER_MS = 1;
const MAX_LISTENERS = 65_536;
/** Probes that are begun in one tick, so that 10,000 idle servers are no storm. */
const PROBES_PER_TICK = 16;

/** Judges servers by what is known of their conduct. */
export interface ServerJudge {
  /** Why the server is not used; undefined: it may be. */
  refusal(record: ServerRecord): string | undefined;
  /** From 0 to 1. */
  score(record: ServerRecord): number;
}

export interface DirectoryOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly wallClockMs: () => number;
  readonly policy?: Partial<SelectionPolicy>;
  readonly health?: Partial<HealthOptions>;
  readonly registry?: Pick<RegistryOptions, 'maxServers' | 'maxStaleMs'>;
  readonly verifier?: RecordVerifier;
  readonly judge?: ServerJudge;
  /** Asks an idle server whether it is there: the round trip in milliseconds, or a rejection. Default: none is asked. */
  readonly probe?: (record: ServerRecord, signal: AbortSignal) => Promise<number>;
  /** Keeps the process alive while somebody waits for an answer; returns what ends that. Default: nothing does. */
  readonly hold?: () => () => void;
  /** Told what becomes of servers (`kwik:discovery:server`). Default: the channels of the process. */
  readonly publisher?: DiagnosticPublisher;
  /** Told of what callers' own functions threw. */
  readonly onError?: (error: unknown) => void;
}

const { call, clock: aClock, group, listOf, objectWith, text } = optionRules;

export const DIRECTORY_RULES = {
  clock: aClock,
  random: call,
  wallClockMs: call,
  policy: POLICY_RULES,
  health: HEALTH_RULES,
  registry: REGISTRY_BOUNDS,
  verifier: objectWith('refusal'),
  judge: objectWith('refusal', 'score'),
  probe: call,
  hold: call,
  publisher: objectWith('publish'),
  onError: call,
} satisfies Record<keyof DirectoryOptions, optionRules.OptionRule>;
const RULES = group<DirectoryOptions>(DIRECTORY_RULES, ['clock', 'random', 'wallClockMs']);
const SELECT_RULES = group<{ signal: AbortSignalLike }>({ signal: optionRules.signal });
/** For arguments that are sources. */
export const aSource = optionRules.value('a source with name and watch', (given) => {
  const { name, watch } = (given ?? {}) as Partial<Record<keyof DiscoverySource, unknown>>;
  return typeof name === 'string' && typeof watch === 'function';
});

/** The servers of one service: runs its sources, keeps the registry, knows the servers' health, chooses. */
export class ServiceDirectory implements ServerDirectory {
  readonly service: string;
  readonly registry: ServerRegistry;
  readonly #options: DirectoryOptions;
  readonly #policy: SelectionPolicy;
  readonly #health: HealthBook;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #unanswered = new Set<string>();
  readonly #loopDelay: LoopDelay;
  readonly #news: ServerNews;
  #telling: TimerHandle | undefined;
  #tick: TimerHandle | undefined;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names what is wrong, before a source is asked. */
  constructor(service: string, sources: readonly DiscoverySource[], options: DirectoryOptions) {
    checkArgument('ServiceDirectory', 'service', service, text);
    checkArgument('ServiceDirectory', 'sources', sources, listOf(aSource));
    checkOptions(options, { call: 'ServiceDirectory', root: RULES });
    this.service = service;
    this.#options = options;
    this.#policy = withDefaults(DEFAULT_POLICY, options.policy);
    this.#health = new HealthBook(options.health ?? {}, options.random);
    this.#loopDelay = new LoopDelay(options.clock.now());
    this.#news = new ServerNews(service, options.publisher);
    const { clock, random, verifier, wallClockMs } = options;
    this.registry = new ServerRegistry(
      sources.map(({ name }) => name),
      { ...options.registry, ...(verifier && { verifier }), wallOffsetMs: () => wallClockMs() - clock.now() },
    );
    for (const source of sources) {
      this.#unanswered.add(source.name);
      const events = {
        answered: this.#answered.bind(this),
        failed: this.#failed.bind(this),
      };
      void runSource(source, events, { clock, random, signal: this.#closing.signal });
    }
    this.#schedule();
  }

  /** On the clock that the registry's times are on, milliseconds. */
  now(): number {
    return this.#options.clock.now();
  }

  get sources(): SourceStatus[] {
    return this.registry.sources();
  }

  async select(
    request: SelectionRequest,
    options: { readonly signal?: AbortSignalLike | undefined } = {},
  ): Promise<SelectionResult> {
    checkRequest('select', request);
    checkOptions(options, { call: 'select', root: SELECT_RULES });
    const { clock } = this.#options;
    const endMs = clock.now() + FIRST_ANSWER_MS;
    for (;;) {
      if (options.signal?.aborted === true) throw abandoned();
      const result = this.selectNow(request);
      const leftMs = endMs - clock.now();
      if (result.chosen.length > 0 || this.#unanswered.size === 0 || leftMs <= 0) return result;
      await this.#change(leftMs, options.signal);
    }
  }

  selectNow(request: SelectionRequest): SelectionResult {
    const now = this.#expire();
    const candidates = [...this.registry.values()].map((entry) => this.#candidate(entry, now));
    const result = selectServers(candidates, request, this.#policy, this.#options.random, now);
    return { ...result, notes: [...result.notes, ...this.#sourceNotes()] };
  }

  find(idOrAddress: string): ServerRecord | undefined {
    this.#expire();
    return this.registry.get(idOrAddress)?.record;
  }

  search(query: ServerQuery, limit: number): readonly ServerRecord[] {
    this.#expire();
    return this.registry.search(query, limit).map(({ record }) => record);
  }

  usable(idOrAddress: string): boolean {
    const now = this.#expire();
    const entry = this.registry.get(idOrAddress);
    if (entry?.record.accepting !== true) return false;
    return this.#health.ejected(entry.key, now) === undefined && this.#refusal(entry.record) === undefined;
  }

  onChange(listener: () => void): () => void {
    checkArgument('onChange', 'listener', listener, call);
    if (this.#listeners.size >= MAX_LISTENERS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${MAX_LISTENERS} listeners watch '${this.service}' already`);
    }
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  observe(idOrAddress: string, outcome: ServerOutcome): void {
    const entry = this.registry.get(idOrAddress);
    if (entry === undefined) return;
    const now = this.#options.clock.now();
    const before = this.#health.ejected(entry.key, now);
    this.#health.observe(entry.key, outcome, now);
    if (before !== undefined || this.#health.ejected(entry.key, now) === undefined) return;
    this.#tellTurns(now);
  }

  heartbeat(idOrAddress: string, heartbeat: ServerHeartbeat): void {
    const entry = this.registry.get(idOrAddress);
    if (entry === undefined) return;
    const now = this.#options.clock.now();
    this.#health.heartbeat(entry.key, now);
    this.#apply(this.registry.heartbeat(idOrAddress, heartbeat, now), now);
  }

  close(): void {
    this.#closing.abort();
    this.#telling?.cancel();
    this.#tick?.cancel();
    this.#news.end();
    this.#listeners.clear();
  }

  #answered({ name }: DiscoverySource, snapshot: Parameters<ServerRegistry['apply']>[1]): void {
    this.#unanswered.delete(name);
    const now = this.#options.clock.now();
    this.#apply(this.registry.apply(name, snapshot, now), now);
    // Also when it found nothing: who waits for it waits no longer.
    this.#changed();
  }

  #failed({ name }: DiscoverySource, reason: string): void {
    this.#unanswered.delete(name);
    this.registry.failed(name, reason, this.#options.clock.now());
    this.#changed();
  }

  #apply(changes: readonly RegistryChange[], now: number): void {
    for (const change of changes) {
      const { kind, key } = change;
      if (kind === 'added') {
        this.#health.learn(key, now);
        this.#news.tell('found', key, now, () => `named by ${change.source}`);
      } else if (kind === 'removed') {
        this.#health.forget(key);
        this.#news.tell('lost', key, now, () => change.reason);
      } else this.#news.tell('changed', key, now, () => this.#whatChanged(key, change.before));
    }
    if (changes.length > 0) this.#changed();
  }

  #whatChanged(key: string, before: ServerRecord): string {
    const record = this.registry.get(key)?.record;
    return record === undefined ? '' : whatChanged(before, record);
  }

  /** Who was put out, or is back. */
  #tellTurns(now: number): void {
    const turns = this.#health.turns(now);
    for (const { key, ejected } of turns) {
      this.#news.tell(
        ejected === undefined ? 'healthy' : 'unhealthy',
        key,
        now,
        () => ejected ?? 'its time out is over',
      );
    }
    if (turns.length > 0) this.#changed();
  }

  #expire(): number {
    const now = this.#options.clock.now();
    if (now >= this.registry.nextExpiryMs) this.#apply(this.registry.expire(now), now);
    return now;
  }

  #changed(): void {
    if (this.#closing.signal.aborted) return;
    this.#telling ??= this.#options.clock.schedule(TELL_AFTER_MS, () => {
      this.#telling = undefined;
      for (const listener of [...this.#listeners]) {
        try {
          listener();
        } catch (error) {
          this.#report(error);
        }
      }
    });
  }

  #change(withinMs: number, signal: AbortSignalLike | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        unlisten();
        timer.cancel();
        letGo?.();
        signal?.removeEventListener('abort', end);
        if (signal?.aborted === true) reject(abandoned());
        else resolve();
      };
      const letGo = this.#options.hold?.();
      const unlisten = this.onChange(end);
      const timer = this.#options.clock.schedule(withinMs, end);
      signal?.addEventListener('abort', end);
    });
  }

  #schedule(): void {
    this.#tick = this.#options.clock.schedule(TICK_MS, () => {
      const now = this.#expire();
      const lateMs = this.#loopDelay.tick(now);
      if (lateMs > 0) this.#health.pause(lateMs);
      this.#health.sweep(now);
      this.#tellTurns(now);
      this.#news.tick(now);
      this.#probeIdle(now);
      this.#schedule();
    });
  }

  #probeIdle(now: number): void {
    const { probe } = this.#options;
    if (probe === undefined) return;
    for (const key of this.#health.dueProbes(now, PROBES_PER_TICK)) {
      const record = this.registry.get(key)?.record;
      if (record !== undefined) void this.#probe(key, record, probe);
    }
  }

  async #probe(key: string, record: ServerRecord, probe: NonNullable<DirectoryOptions['probe']>): Promise<void> {
    try {
      const rttMs = await probe(record, this.#closing.signal);
      this.observe(key, { kind: 'success', rttMs });
    } catch (error) {
      this.observe(key, { kind: 'failure', error: KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED') });
    }
  }

  #candidate({ key, record, knownSinceMs }: RegistryEntry, now: number): Candidate {
    return {
      key,
      record,
      knownSinceMs,
      rttMs: this.#health.rttMs(key),
      ejected: this.#health.ejected(key, now),
      trust: this.#judged(() => this.#options.judge?.score(record) ?? 1, 0),
      refused: this.#refusal(record),
    };
  }

  /** A judge that fails has not allowed anything. */
  #refusal(record: ServerRecord): string | undefined {
    return this.#judged(() => this.#options.judge?.refusal(record), 'it could not be judged');
  }

  #judged<T>(ask: () => T, otherwise: T): T {
    try {
      return ask();
    } catch (error) {
      this.#report(error);
      return otherwise;
    }
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // A reporter of errors that fails has nobody to report to.
    }
  }

  #sourceNotes(): string[] {
    return this.sources.flatMap(({ name, state, failure, servers }) => {
      if (state === 'waiting') return [`${name} has not answered yet`];
      if (state === 'stale') return [`${name} fails (${failure ?? ''}); its ${servers} servers are of before`];
      return [];
    });
  }
}

function abandoned(): KwikError {
  return new KwikError('ERR_KWIK_ABORTED', 'the search for servers was aborted');
}

import {
  checkArgument,
  checkOptions,
  optionRules,
  type DiscoverySnapshot,
  type RecordVerifier,
  type ServerHeartbeat,
  type ServerQuery,
  type ServerRecord,
} from '@kwik/wire';
import { sameRecord } from '../records/record-equality.js';
import { mergeFacts, withoutOldWords, type Fact, type Heartbeat } from './merge-facts.js';
import { checkQuery, mismatch } from './query.js';
import { ReplayGuard } from './replay-guard.js';
import { SourceState, type SourceStatus } from './source-state.js';
import { TermIndex } from './term-index.js';

/** Enough for the largest fleets, and some 30 MB at the most. */
const MAX_SERVERS = 16_384;
/** As long as resolvers serve stale answers at the most (RFC 8767 recommends one to three days; an hour is enough here). */
const MAX_STALE_MS = 3_600_000;
/** A load is news for so long. */
const HEARTBEAT_MS = 60_000;

export interface RegistryOptions {
  /** Default: 16,384. */
  readonly maxServers?: number;
  /** How long past their time the servers of a failed source stay, milliseconds. Default: an hour. */
  readonly maxStaleMs?: number;
  /**
   * Judges each record before it is kept. Then of what a server has signed its last word alone counts. Default: all are kept, and
   * nothing is concluded from signatures, which nobody has verified.
   */
  readonly verifier?: RecordVerifier;
  /** Milliseconds since 1970 minus the clock that `now` is on, for the verifier. Default: 0. */
  readonly wallOffsetMs?: () => number;
}

/** A server as the registry knows it. Times are on the clock that `now` is on, milliseconds. */
export interface RegistryEntry {
  /** The server id, or the address of a server without one. */
  readonly key: string;
  readonly record: ServerRecord;
  readonly knownSinceMs: number;
  /** Where each part of it comes from: source, when it was found, and until when it is believed. */
  readonly origins: readonly Omit<Fact, 'record'>[];
}

export type RegistryChange =
  | { readonly kind: 'added'; readonly key: string; readonly source: string }
  | { readonly kind: 'changed'; readonly key: string; readonly before: ServerRecord }
  | { readonly kind: 'removed'; readonly key: string; readonly reason: string };

const BOUNDS = { maxServers: optionRules.positive, maxStaleMs: optionRules.amount };
/** What a directory may be told of its registry. */
export const REGISTRY_BOUNDS = optionRules.group<Pick<RegistryOptions, 'maxServers' | 'maxStaleMs'>>(BOUNDS);
const REGISTRY_RULES = optionRules.group<RegistryOptions>({
  ...BOUNDS,
  verifier: optionRules.objectWith('refusal'),
  wallOffsetMs: optionRules.call,
});

interface MutableEntry {
  readonly key: string;
  record: ServerRecord;
  readonly knownSinceMs: number;
  facts: Fact[];
  heartbeat: Heartbeat | undefined;
}

/**
 * All servers of one service that sources know of, each once. A source is given by name; those that were named earlier are
 * believed before later ones. Every call returns what it changed.
 */
export class ServerRegistry {
  readonly #options: RegistryOptions;
  readonly #maxServers: number;
  readonly #maxStaleMs: number;
  readonly #sources = new Map<string, SourceState>();
  readonly #entries = new Map<string, MutableEntry>();
  readonly #byAddress = new Map<string, MutableEntry>();
  readonly #terms = new TermIndex<MutableEntry>();
  readonly #replays: ReplayGuard;
  #nextExpiryMs = Infinity;
  #generation = 0;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names what is wrong. */
  constructor(sources: readonly string[], options: RegistryOptions = {}) {
    checkArgument('ServerRegistry', 'sources', sources, optionRules.listOf(optionRules.text));
    checkOptions(options, { call: 'ServerRegistry', root: REGISTRY_RULES });
    this.#options = options;
    this.#maxServers = options.maxServers ?? MAX_SERVERS;
    this.#maxStaleMs = options.maxStaleMs ?? MAX_STALE_MS;
    this.#replays = new ReplayGuard(this.#maxServers);
    sources.forEach((name, order) => this.#sources.set(name, new SourceState(name, order)));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Another number after each change. */
  get generation(): number {
    return this.#generation;
  }

  /** When `expire` has something to do, or Infinity. */
  get nextExpiryMs(): number {
    return this.#nextExpiryMs;
  }

  sources(): SourceStatus[] {
    return [...this.#sources.values()].map((source) => source.status);
  }

  /** What the source says now takes the place of what it said before. */
  apply(sourceName: string, snapshot: DiscoverySnapshot, now: number): RegistryChange[] {
    const source = this.#source(sourceName);
    source.answered(now, snapshot.problems ?? []);
    const found = new Map<string, Fact>();
    for (const { record, ttlMs } of snapshot.servers) {
      const refusal = this.#refusal(record, source.name, now);
      if (refusal !== undefined) {
        source.problem(`${nameOf(record)}: ${refusal}`);
        continue;
      }
      if (this.#options.verifier !== undefined) this.#replays.taken(record);
      const key = this.#keyOf(record);
      const expiresMs = ttlMs === undefined ? Infinity : now + ttlMs;
      const twice = found.get(key);
      const fact = { source: source.name, record, foundMs: now, expiresMs };
      found.set(key, twice === undefined ? fact : { ...fact, record: this.#merged([twice, fact]) });
    }
    return this.#replace(source, found, now);
  }

  /** The source failed: what it said before stays, marked stale, also past its time, for `maxStaleMs`. */
  failed(sourceName: string, reason: string, now: number): void {
    this.#source(sourceName).failed(reason, now);
    this.#generation++;
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, now + this.#maxStaleMs);
  }

  /** What a server said of itself. Ignored for one that no source knows: servers do not bring themselves in. */
  heartbeat(idOrAddress: string, { load, accepting }: ServerHeartbeat, now: number): RegistryChange[] {
    const entry = this.#find(idOrAddress);
    if (entry === undefined || !(load >= 0 && load <= 1)) return [];
    entry.heartbeat = { load, accepting, atMs: now };
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, now + HEARTBEAT_MS);
    return this.#update(entry);
  }

  /** Forgets what is past its time. */
  expire(now: number): RegistryChange[] {
    if (now < this.#nextExpiryMs) return [];
    this.#nextExpiryMs = Infinity;
    const changes: RegistryChange[] = [];
    for (const entry of [...this.#entries.values()]) {
      const kept = entry.facts.filter((fact) => now < this.#keptUntilMs(fact));
      const silent = entry.heartbeat !== undefined && now >= entry.heartbeat.atMs + HEARTBEAT_MS;
      if (silent) entry.heartbeat = undefined;
      if (kept.length < entry.facts.length) {
        const gone = entry.facts.filter((fact) => !kept.includes(fact));
        for (const fact of gone) this.#source(fact.source).keys.delete(entry.key);
        changes.push(...this.#setFacts(entry, kept, 'its time is over'));
      } else if (silent) changes.push(...this.#update(entry));
      for (const fact of kept) this.#nextExpiryMs = Math.min(this.#nextExpiryMs, this.#keptUntilMs(fact));
      if (entry.heartbeat !== undefined) {
        this.#nextExpiryMs = Math.min(this.#nextExpiryMs, entry.heartbeat.atMs + HEARTBEAT_MS);
      }
    }
    return changes;
  }

  get(idOrAddress: string): RegistryEntry | undefined {
    const entry = this.#find(idOrAddress);
    return entry && view(entry);
  }

  /** All that suit, in no order; `limit` at the most. */
  search(query: ServerQuery, limit = Infinity): RegistryEntry[] {
    checkQuery('search', query, limit);
    const found: RegistryEntry[] = [];
    if (limit <= 0) return found;
    for (const entry of this.#terms.narrowest(query) ?? this.#entries.values()) {
      if (mismatch(entry.record, query) !== undefined) continue;
      found.push(view(entry));
      if (found.length >= limit) break;
    }
    return found;
  }

  *values(): Iterable<RegistryEntry> {
    for (const entry of this.#entries.values()) yield view(entry);
  }

  /** Whether all that is known of it comes from sources that fail. */
  isStale(entry: RegistryEntry): boolean {
    return entry.origins.every(({ source }) => this.#source(source).failedMs !== undefined);
  }

  #refusal(record: ServerRecord, source: string, now: number): string | undefined {
    const { verifier, wallOffsetMs = () => 0 } = this.#options;
    if (verifier === undefined) return undefined;
    return verifier.refusal(record, source, now + wallOffsetMs()) ?? this.#replays.refusal(record);
  }

  #merged(facts: readonly Fact[], heartbeat?: Heartbeat): ServerRecord {
    return mergeFacts(this.#options.verifier === undefined ? facts : withoutOldWords(facts), heartbeat);
  }

  /** A server without an id is the one at its address, if there is one. */
  #keyOf({ serverId, addresses }: ServerRecord): string {
    if (serverId !== '') return serverId;
    for (const address of addresses) {
      const entry = this.#byAddress.get(address);
      if (entry !== undefined) return entry.key;
    }
    return addresses[0] ?? '';
  }

  #replace(source: SourceState, found: ReadonlyMap<string, Fact>, now: number): RegistryChange[] {
    const changes: RegistryChange[] = [];
    for (const key of [...source.keys]) {
      const entry = this.#entries.get(key);
      if (found.has(key) || entry === undefined) continue;
      source.keys.delete(key);
      changes.push(
        ...this.#setFacts(
          entry,
          entry.facts.filter((fact) => fact.source !== source.name),
          `${source.name} names it no more`,
        ),
      );
    }
    let unkept = 0;
    for (const [key, fact] of found) {
      const known = this.#entries.get(key);
      if (known === undefined && this.#entries.size >= this.#maxServers) {
        unkept++;
        continue;
      }
      source.keys.add(key);
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, fact.expiresMs);
      if (known === undefined) changes.push(...this.#add(key, fact, now));
      else changes.push(...this.#setFacts(known, this.#withFact(known.facts, fact)));
      if (fact.record.serverId !== '') changes.push(...this.#adopt(key, fact.record));
    }
    if (unkept > 0) source.problem(`${unkept} servers beyond the ${this.#maxServers} that are kept`);
    this.#generation++;
    return changes;
  }

  /** Entries without an id that stand for an address of this server become part of it. */
  #adopt(key: string, { addresses }: ServerRecord): RegistryChange[] {
    const changes: RegistryChange[] = [];
    const entry = this.#entries.get(key);
    for (const address of addresses) {
      const nameless = this.#entries.get(address);
      if (nameless === undefined || entry === undefined || nameless === entry) continue;
      const facts = nameless.facts.reduce((sum, fact) => this.#withFact(sum, fact, true), entry.facts);
      for (const { source } of nameless.facts) {
        this.#source(source).keys.delete(nameless.key);
        this.#source(source).keys.add(key);
      }
      changes.push(...this.#setFacts(nameless, [], `it is ${key}`), ...this.#setFacts(entry, facts));
    }
    return changes;
  }

  /** In the order of the sources. Of one source there is one fact; `keep`: the one that is there. */
  #withFact(facts: readonly Fact[], fact: Fact, keep = false): Fact[] {
    if (keep && facts.some(({ source }) => source === fact.source)) return [...facts];
    const order = ({ source }: Fact) => this.#source(source).order;
    return [...facts.filter(({ source }) => source !== fact.source), fact].sort((a, b) => order(a) - order(b));
  }

  #add(key: string, fact: Fact, now: number): RegistryChange[] {
    const entry: MutableEntry = { key, record: fact.record, knownSinceMs: now, facts: [fact], heartbeat: undefined };
    this.#entries.set(key, entry);
    this.#index(entry);
    return [{ kind: 'added', key, source: fact.source }];
  }

  /** @param reason why it goes, where no fact is left */
  #setFacts(entry: MutableEntry, facts: Fact[], reason = ''): RegistryChange[] {
    entry.facts = facts;
    if (facts.length > 0) return this.#update(entry);
    this.#unindex(entry);
    this.#entries.delete(entry.key);
    this.#generation++;
    return [{ kind: 'removed', key: entry.key, reason }];
  }

  #update(entry: MutableEntry): RegistryChange[] {
    const record = this.#merged(entry.facts, entry.heartbeat);
    const before = entry.record;
    if (sameRecord(record, before)) return [];
    this.#unindex(entry);
    entry.record = record;
    this.#index(entry);
    this.#generation++;
    return [{ kind: 'changed', key: entry.key, before }];
  }

  #index(entry: MutableEntry): void {
    this.#terms.add(entry, entry.record);
    // The first who has an address keeps it, so that a later claim takes nobody's place.
    for (const address of entry.record.addresses) {
      if (!this.#byAddress.has(address)) this.#byAddress.set(address, entry);
    }
  }

  #unindex(entry: MutableEntry): void {
    this.#terms.remove(entry, entry.record);
    for (const address of entry.record.addresses) {
      if (this.#byAddress.get(address) === entry) this.#byAddress.delete(address);
    }
  }

  #find(idOrAddress: string): MutableEntry | undefined {
    return this.#entries.get(idOrAddress) ?? this.#byAddress.get(idOrAddress);
  }

  /** A failed source cannot renew what it said, so that stays longer. */
  #keptUntilMs({ source, expiresMs }: Fact): number {
    const { failedMs } = this.#source(source);
    return failedMs === undefined ? expiresMs : Math.max(expiresMs, failedMs + this.#maxStaleMs);
  }

  #source(name: string): SourceState {
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = new SourceState(name, this.#sources.size);
      this.#sources.set(name, source);
    }
    return source;
  }
}

function view({ key, record, knownSinceMs, facts }: MutableEntry): RegistryEntry {
  return { key, record, knownSinceMs, origins: facts };
}

function nameOf({ serverId, addresses }: ServerRecord): string {
  return serverId === '' ? (addresses[0] ?? '') : serverId;
}

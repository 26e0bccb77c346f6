import type { AuditSink, KnownServer, ServerConduct, ServerTrust, ServerUse } from '@kwik/wire';
import { ServerRecord, type Standing } from './server-record.js';
import { trustScorePolicy, type TrustScorePolicy, type TrustScorePolicyConfig } from './trust-policy.js';

export interface TrustScoresOptions {
  /** Default: all its defaults. */
  readonly policy?: TrustScorePolicyConfig;
  /** Told when a server is excluded, put under quarantine, or let back in. */
  readonly audit?: AuditSink;
  /** Servers that are remembered. Default: 10,000. */
  readonly maxServers?: number;
}

export interface ServerStanding {
  /** `pin:…`, or `address:…`. */
  readonly server: string;
  readonly score: number;
  readonly slowness: number;
  readonly standing: Standing;
}

const MAX_SERVERS = 10_000;

/**
 * Which servers may be used, by what they did here and by what others who are believed say of them. A server is known by its
 * key and by its address: whoever lies at an address is not asked there again under another key, nor elsewhere with the same.
 */
export class TrustScores implements ServerTrust {
  readonly #policy: TrustScorePolicy;
  readonly #audit: AuditSink | undefined;
  readonly #maxServers: number;
  /** Least recently touched first. */
  readonly #records = new Map<string, ServerRecord>();

  /** Throws ERR_KWIK_INVALID_ARGUMENT for a policy that cannot be. */
  constructor({ policy, audit, maxServers = MAX_SERVERS }: TrustScoresOptions = {}) {
    this.#policy = trustScorePolicy(policy);
    this.#audit = audit;
    this.#maxServers = maxServers;
  }

  refusal(server: KnownServer, uses: readonly ServerUse[], nowMs: number): string | undefined {
    for (const key of keysOf(server)) {
      const refusal = this.#records.get(key)?.refusal(uses, nowMs);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  observe(server: KnownServer, conduct: ServerConduct, nowMs: number): void {
    for (const key of keysOf(server)) this.#change(key, nowMs, (record) => record.observe(conduct, nowMs));
  }

  /** What a report of somebody who is believed says of a key. */
  addReported(pin: string, good: number, bad: number, nowMs: number): void {
    this.#change(pinKey(pin), nowMs, (record) => record.addReported(good, bad, nowMs));
  }

  /** 0 to 1; two thirds for one that is not known. */
  score(server: KnownServer, nowMs: number): number {
    const scores = keysOf(server).flatMap((key) => this.#records.get(key)?.score(nowMs) ?? []);
    return scores.length === 0 ? new ServerRecord(this.#policy, nowMs).score(nowMs) : Math.min(...scores);
  }

  /** Lets a server back in at once. */
  pardon(server: KnownServer, nowMs: number): void {
    for (const key of keysOf(server)) {
      if (this.#records.has(key)) this.#change(key, nowMs, (record) => record.pardon(nowMs));
    }
  }

  standings(nowMs: number): ServerStanding[] {
    return Array.from(this.#records, ([server, record]) => ({
      server,
      score: record.score(nowMs),
      slowness: record.slowness(nowMs),
      standing: record.standing(nowMs),
    }));
  }

  /** Evidence of a server by its key, for a report to others. */
  evidence(pin: string, nowMs: number): { readonly good: number; readonly bad: number } | undefined {
    return this.#records.get(pinKey(pin))?.evidence(nowMs);
  }

  #change(key: string, nowMs: number, change: (record: ServerRecord) => void): void {
    const record = this.#records.get(key) ?? new ServerRecord(this.#policy, nowMs);
    const before = record.standing(nowMs);
    change(record);
    const after = record.standing(nowMs);
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size > this.#maxServers) this.#forgetOne(nowMs);
    if (before !== after) this.#audit?.record({ kind: 'trust-changed', peer: key, detail: `${before}, now ${after}` });
  }

  /** The one that was not heard of for longest, of those in good standing first: names cost nothing, and must not hide a liar. */
  #forgetOne(nowMs: number): void {
    let oldest: string | undefined;
    let looked = 0;
    for (const [key, record] of this.#records) {
      oldest ??= key;
      if (record.standing(nowMs) === 'good') {
        oldest = key;
        break;
      }
      if (++looked >= MAX_LOOKED) break;
    }
    if (oldest !== undefined) this.#records.delete(oldest);
  }
}

/** A search among the oldest costs no more than this. */
const MAX_LOOKED = 1000;

function pinKey(pin: string): string {
  return `pin:${pin.toLowerCase()}`;
}

function keysOf({ address, pin }: KnownServer): string[] {
  const byAddress = `address:${address.toLowerCase()}`;
  return pin === undefined ? [byAddress] : [pinKey(pin), byAddress];
}

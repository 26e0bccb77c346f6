import {
  checkOptions,
  optionRules,
  type AuditSink,
  type KnownServer,
  type ServerConduct,
  type ServerTrust,
  type ServerUse,
} from '@kwik/wire';
import { readKept, writeKept } from './kept-text.js';
import { RecordTable } from './record-table.js';
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

/** The policy says in words of its own what is wrong with it. */
export const SCORE_RULES = {
  policy: optionRules.checkedLater,
  audit: optionRules.objectWith('record'),
  maxServers: optionRules.positive,
} satisfies Record<keyof TrustScoresOptions, optionRules.OptionRule>;
const RULES = optionRules.group<TrustScoresOptions>(SCORE_RULES);

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
  readonly #records: RecordTable;
  #changes = 0;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for a policy that cannot be, and other options that are wrong. */
  constructor(options: TrustScoresOptions = {}) {
    checkOptions(options, { call: 'TrustScores', root: RULES });
    const { policy, audit, maxServers = MAX_SERVERS } = options;
    this.#policy = trustScorePolicy(policy);
    this.#audit = audit;
    this.#records = new RecordTable(maxServers);
  }

  /** Another number after each change. */
  get changes(): number {
    return this.#changes;
  }

  /** All that is known, as text for a file: bounded, without secrets. */
  kept(nowMs: number): string {
    const worth = Array.from(this.#records.entries()).filter(([, record]) => record.isWorthKeeping(nowMs));
    return writeKept(worth.map(([server, record]) => record.kept(server)));
  }

  /**
   * Takes what `kept` wrote, in place of what is known of these servers. Throws ERR_KWIK_INVALID_MESSAGE for what is none; then
   * nothing has changed.
   */
  restore(text: string, nowMs: number): void {
    for (const kept of readKept(text)) {
      const record = ServerRecord.from(this.#policy, kept, nowMs);
      this.#records.put(kept.server, record, record.standing(nowMs));
    }
    this.#changes++;
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
      if (this.#records.get(key) !== undefined) this.#change(key, nowMs, (record) => record.pardon(nowMs));
    }
  }

  standings(nowMs: number): ServerStanding[] {
    return Array.from(this.#records.entries(), ([server, record]) => ({
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
    this.#records.put(key, record, after);
    this.#changes++;
    if (before !== after) this.#audit?.record({ kind: 'trust-changed', peer: key, detail: `${before}, now ${after}` });
  }
}

function pinKey(pin: string): string {
  return `pin:${pin.toLowerCase()}`;
}

function keysOf({ address, pin }: KnownServer): string[] {
  const byAddress = `address:${address.toLowerCase()}`;
  return pin === undefined ? [byAddress] : [pinKey(pin), byAddress];
}

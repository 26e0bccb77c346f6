import type { LogEntry } from '@kwik/trust';
import { z } from 'zod';
import { oneLine } from '../ui/text.js';
import type { AuditEvidence, Lifetimes, Reason, SeenCertificate } from './evidence.js';

/** Names of a log come from a file that anybody may have written; what is beyond is counted as OTHERS. */
const MAX_NAMES = 100;
const OTHERS = 'others';
/** The newest are kept: of a server that renews each day, three years. */
const MAX_KEYS = 1000;
const DETAIL_CHARACTERS = 200;

const time = z.iso.datetime();
const CERTIFICATE = z.object({ pin: z.string().max(64), from: time, until: time });

/** What the entries of audit logs say, counted as they come. Memory is bounded, whatever is in them. */
export class AuditTally {
  readonly #kinds = new Counts();
  readonly #mechanisms = new Counts();
  readonly #refusals = new Reasons();
  readonly #violations = new Reasons();
  readonly #issued = new LifetimeTally();
  #certificates: SeenCertificate[] = [];
  #signers: { key: string; seenAt: string }[] = [];
  #unwritten = 0;
  #lost = 0;

  take(entry: LogEntry): void {
    this.#kinds.add(entry.kind);
    switch (entry.kind) {
      case 'session-opened':
        this.#mechanisms.add(text(factsOf(entry)['mechanism']) || 'none');
        break;
      case 'token-issued':
        this.#issued.add(entry.at, factsOf(entry)['expires']);
        break;
      case 'listener-opened':
      case 'key-changed':
        this.#key(entry);
        break;
      case 'refused':
        this.#refusals.add(entry);
        this.#unwritten += amount(factsOf(entry)['unwritten']);
        break;
      case 'violation':
        this.#violations.add(entry);
        this.#unwritten += amount(factsOf(entry)['unwritten']);
        break;
      case 'entries-lost':
        this.#lost += amount(factsOf(entry)['count']);
        break;
    }
  }

  get evidence(): Omit<AuditEvidence, 'logs'> {
    return {
      kinds: this.#kinds.record,
      mechanisms: this.#mechanisms.record,
      certificates: this.#certificates,
      signers: this.#signers,
      issuedTokens: this.#issued.lifetimes,
      acceptedTokens: this.#kinds.record['token-accepted'] ?? 0,
      refusals: this.#refusals.list,
      unwritten: this.#unwritten,
      violations: this.#violations.list,
      lost: this.#lost,
    };
  }

  #key(entry: LogEntry): void {
    const facts = factsOf(entry);
    const certificate = CERTIFICATE.safeParse(facts);
    if (certificate.success) {
      const seen = { what: text(entry['detail']), seenAt: entry.at, ...certificate.data };
      this.#certificates = [...this.#certificates, seen].slice(-MAX_KEYS);
    }
    const key = text(facts['signer']);
    if (key !== '') this.#signers = [...this.#signers, { key, seenAt: entry.at }].slice(-MAX_KEYS);
  }
}

class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    const key = this.#counts.has(name) || this.#counts.size < MAX_NAMES ? name : OTHERS;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  get record(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

class Reasons {
  readonly #reasons = new Map<string, Reason>();

  add(entry: LogEntry): void {
    const named = text(entry['code']) || 'no code';
    const code = this.#reasons.has(named) || this.#reasons.size < MAX_NAMES ? named : OTHERS;
    const count = (this.#reasons.get(code)?.count ?? 0) + 1;
    this.#reasons.set(code, { code, count, lastAt: entry.at, lastDetail: text(entry['detail']) });
  }

  /** The most frequent first. */
  get list(): Reason[] {
    return [...this.#reasons.values()].sort((one, other) => other.count - one.count);
  }
}

/** How long tokens could be used, from when they were issued. */
class LifetimeTally {
  #tokens = 0;
  #shortest = Number.POSITIVE_INFINITY;
  #longest = 0;
  #sum = 0;

  add(issuedAt: string, expires: unknown): void {
    const seconds = (Date.parse(text(expires)) - Date.parse(issuedAt)) / 1000;
    if (!Number.isFinite(seconds)) return;
    this.#tokens++;
    this.#sum += seconds;
    this.#shortest = Math.min(this.#shortest, seconds);
    this.#longest = Math.max(this.#longest, seconds);
  }

  get lifetimes(): Lifetimes | null {
    if (this.#tokens === 0) return null;
    return {
      tokens: this.#tokens,
      shortestSeconds: this.#shortest,
      meanSeconds: this.#sum / this.#tokens,
      longestSeconds: this.#longest,
    };
  }
}

function factsOf(entry: LogEntry): Readonly<Record<string, unknown>> {
  const facts = z.record(z.string(), z.unknown()).safeParse(entry['facts']);
  return facts.success ? facts.data : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? oneLine(value, DETAIL_CHARACTERS) : '';
}

function amount(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

import { KwikError, type AuditEvent, type AuditSink } from '@kwik/wire';
import type { UserCallbacks } from './user-callbacks.js';

/**
 * Strangers decide how many refusals there are, so they must not fill a disk: so many at once, and one each second in the
 * long run. The next one that is written says how many were not. Violations are counted apart: who is refused again and again
 * does not keep a violation out of the log, nor its alert from being raised.
 */
const AT_ONCE = 500;
const PER_MS = 1 / 1000;

/** What a session or a listener writes down for an auditor, at a bounded rate. */
export class AuditTrail {
  readonly #sink: AuditSink | undefined;
  readonly #callbacks: UserCallbacks;
  readonly #refusals: Allowance;
  readonly #violations: Allowance;

  /** `now`: milliseconds, monotonic. */
  constructor(sink: AuditSink | undefined, callbacks: UserCallbacks, now: () => number) {
    this.#sink = sink;
    this.#callbacks = callbacks;
    this.#refusals = new Allowance(now);
    this.#violations = new Allowance(now);
  }

  record(event: AuditEvent): void {
    const sink = this.#sink;
    if (sink !== undefined) this.#callbacks.call('guard.audit', () => sink.record(event));
  }

  /** Somebody did not get in, or did not get what was asked for. */
  refused(event: Omit<AuditEvent, 'kind'>): void {
    this.#bounded({ ...event, kind: 'refused' }, this.#refusals);
  }

  /** A peer broke a rule. Its connection has been ended. */
  violation(event: Omit<AuditEvent, 'kind'>): void {
    this.#bounded({ ...event, kind: 'violation' }, this.#violations);
  }

  /** Throws ERR_KWIK_CONNECTION_REFUSED while nothing can be written and the policy says that work stops then. */
  requireWritable(): void {
    const sink = this.#sink;
    const fault = sink === undefined ? undefined : this.#callbacks.ask('guard.audit', () => sink.fault, undefined);
    if (fault === undefined) return;
    throw new KwikError(
      'ERR_KWIK_CONNECTION_REFUSED',
      'the audit log cannot be written, and nobody is let in without it',
      {
        cause: fault,
      },
    );
  }

  #bounded(event: AuditEvent, allowance: Allowance): void {
    const unwritten = allowance.take();
    if (unwritten === undefined) return;
    this.record(unwritten === 0 ? event : { ...event, facts: { ...event.facts, unwritten } });
  }
}

class Allowance {
  readonly #now: () => number;
  #left = AT_ONCE;
  #refilledMs: number;
  #unwritten = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#refilledMs = now();
  }

  /** Whether one more may be written: how many were not since the last that was; undefined when this one may not, either. */
  take(): number | undefined {
    const now = this.#now();
    this.#left = Math.min(AT_ONCE, this.#left + (now - this.#refilledMs) * PER_MS);
    this.#refilledMs = now;
    if (this.#left < 1) {
      this.#unwritten++;
      return undefined;
    }
    this.#left -= 1;
    const unwritten = this.#unwritten;
    this.#unwritten = 0;
    return unwritten;
  }
}

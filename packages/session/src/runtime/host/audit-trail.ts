import { KwikError, type AuditEvent, type AuditSink } from '@kwik/wire';
import type { UserCallbacks } from './user-callbacks.js';

/**
 * Strangers decide how many refusals there are, so they must not fill a disk: so many at once, and one each second in the
 * long run. The next one that is written says how many were not.
 */
const REFUSALS_AT_ONCE = 500;
const REFUSALS_PER_MS = 1 / 1000;

/** What a session or a listener writes down for an auditor, at a bounded rate. */
export class AuditTrail {
  readonly #sink: AuditSink | undefined;
  readonly #callbacks: UserCallbacks;
  readonly #now: () => number;
  #refusals = REFUSALS_AT_ONCE;
  #refilledMs: number;
  #unwritten = 0;

  /** `now`: milliseconds, monotonic. */
  constructor(sink: AuditSink | undefined, callbacks: UserCallbacks, now: () => number) {
    this.#sink = sink;
    this.#callbacks = callbacks;
    this.#now = now;
    this.#refilledMs = now();
  }

  record(event: AuditEvent): void {
    const sink = this.#sink;
    if (sink !== undefined) this.#callbacks.call('guard.audit', () => sink.record(event));
  }

  /** Somebody did not get in, or did not get what was asked for. */
  refused(event: Omit<AuditEvent, 'kind'>): void {
    if (!this.#mayWriteRefusal()) {
      this.#unwritten++;
      return;
    }
    const { facts } = event;
    const counted = this.#unwritten === 0 ? facts : { ...facts, unwritten: this.#unwritten };
    this.#unwritten = 0;
    this.record({ ...event, kind: 'refused', ...(counted !== undefined && { facts: counted }) });
  }

  /** A peer broke a rule. Its connection has been ended. */
  violation(event: Omit<AuditEvent, 'kind'>): void {
    if (this.#mayWriteRefusal()) this.record({ ...event, kind: 'violation' });
    else this.#unwritten++;
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

  #mayWriteRefusal(): boolean {
    const now = this.#now();
    this.#refusals = Math.min(REFUSALS_AT_ONCE, this.#refusals + (now - this.#refilledMs) * REFUSALS_PER_MS);
    this.#refilledMs = now;
    if (this.#refusals < 1) return false;
    this.#refusals -= 1;
    return true;
  }
}

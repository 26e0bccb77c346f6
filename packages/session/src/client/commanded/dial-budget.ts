import { KwikError } from '@kwik/wire';

export interface DialBudgetLimits {
  /** Dials at the primary's command in a minute; half of them at once. */
  readonly commandedDialsPerMinute: number;
  /** Dials that came to nothing in the life of the session. */
  readonly failedCommandedDials: number;
}

/** Between the beginnings of the first two dials of one address; twice as long each time, until a server joins there. */
const FIRST_WAIT_MS = 1000;
/** A server that was away for long is asked twice a minute. */
const MAX_WAIT_MS = 30_000;
/** Not dialled for so long, an address is like new. More than the longest wait, so that waiting it out gains little. */
const FORGET_MS = 4 * MAX_WAIT_MS;
/** Twice as many as are dialled within that time. */
const MAX_ADDRESSES = 1024;

interface Known {
  /** Dials since a server joined last. */
  readonly dials: number;
  readonly dialledMs: number;
}

/**
 * How often a primary may have its client send to others: so many dials a minute and failures in all, and growing waits
 * between those of one address. A dial is a few datagrams to whoever has that address, so a primary could use its clients to
 * flood somebody, or to look around. What a server answered as it should costs no further wait.
 */
export class DialBudget {
  readonly #limits: DialBudgetLimits;
  readonly #known = new Map<string, Known>();
  #tokens: number;
  #atMs: number | undefined;
  #failures = 0;

  constructor(limits: DialBudgetLimits) {
    this.#limits = limits;
    this.#tokens = this.#capacity;
  }

  /** How long a dial of `address` (numeric, with its port) must still wait; 0: it may begin. */
  waitMs(address: string, now: number): number {
    const known = this.#known.get(address);
    if (known === undefined) return 0;
    const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (known.dials - 1));
    return Math.max(0, known.dialledMs + waitMs - now);
  }

  /** A dial begins. Throws ERR_KWIK_LIMIT_EXCEEDED. */
  take(address: string, now: number): void {
    this.#refill(now);
    this.#forget(now);
    const { commandedDialsPerMinute, failedCommandedDials } = this.#limits;
    if (this.#tokens < 1) throw exceeded(`${commandedDialsPerMinute} dials a minute (limits.commandedDialsPerMinute)`);
    if (this.#failures >= failedCommandedDials) {
      throw exceeded(`${failedCommandedDials} dials that came to nothing (limits.failedCommandedDials)`);
    }
    const known = this.#known.get(address);
    if (known === undefined && this.#known.size >= MAX_ADDRESSES) throw exceeded(`${MAX_ADDRESSES} addresses at once`);
    this.#tokens -= 1;
    this.#known.set(address, { dials: (known?.dials ?? 0) + 1, dialledMs: now });
  }

  /** A dial came to nothing. */
  failed(): void {
    this.#failures++;
  }

  /** A server that belongs to the session is there. */
  succeeded(address: string): void {
    this.#known.delete(address);
  }

  get #capacity(): number {
    return Math.max(1, this.#limits.commandedDialsPerMinute / 2);
  }

  #refill(now: number): void {
    const minutes = Math.max(0, now - (this.#atMs ?? now)) / 60_000;
    this.#tokens = Math.min(this.#capacity, this.#tokens + minutes * this.#limits.commandedDialsPerMinute);
    this.#atMs = now;
  }

  #forget(now: number): void {
    for (const [address, { dialledMs }] of this.#known) {
      if (now - dialledMs > FORGET_MS) this.#known.delete(address);
    }
  }
}

function exceeded(what: string): KwikError {
  return new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the primary has used up its ${what}`);
}

import type { PolicyBound } from '@kwik/wire';
import { CircuitBreaker, type BreakerPolicy, SERVER_BREAKER } from './circuit-breaker.js';
import { FailurePattern } from './failure-pattern.js';
import { RetryBudget, type RetryBudgetPolicy } from './retry-budget.js';

/** Servers that are remembered for having failed; of more than these the one that failed longest ago is forgotten. */
export const MAX_FAILING_SERVERS = 1024;
/** When nobody answered for so long, each server is judged by itself again: some of them may be back, and others not. */
const TOGETHER_MS = 10_000;

/** A dial that somebody wants to make. */
export interface WantedDial {
  /** `host:port` of the server. */
  readonly address: string;
  /** The local address that it goes out from, where that was chosen: what fails from there says nothing of dials from elsewhere. */
  readonly from?: string | undefined;
  /** The same was tried before, and came to nothing. */
  readonly again: boolean;
  /** A peer asked for it: its failure says nothing of the network here, for the peer chose the server. */
  readonly commanded?: boolean;
}

/**
 * Why a dial has to wait: the server did not answer of late (`breaker`), no server did (`network`), or there are too many
 * retries (`budget`).
 */
export type DialHold = 'breaker' | 'network' | 'budget';

/** `unclear`: the end of the dial says nothing of whether the server answers, as when it was aborted. */
export type DialOutcome = 'reached' | 'unreachable' | 'unclear';

/** What an outcome changed. */
export type DialChange = 'opened' | 'closed' | 'network-lost' | 'network-back';

/** Something that a dial found out is decided now: a server, or all of them, are dialled otherwise than before. */
export interface DialDecision {
  readonly change: DialChange;
  /** As in `dialKey`; '' where it is of the network. */
  readonly server: string;
  readonly bound: PolicyBound;
  /** Servers that are remembered for having failed. */
  readonly failing: number;
  readonly atMs: number;
}

/** A dial that was begun. */
export interface BegunDial extends WantedDial {
  /** The server, or all of them together, did not answer: this one finds out whether that has changed. */
  readonly trial: boolean;
  readonly epochs: { readonly server: number; readonly network: number | undefined };
}

/** What has one circuit breaker: a server, or a server as it is seen from one local address. */
export function dialKey({ address, from }: Pick<WantedDial, 'address' | 'from'>): string {
  return from === undefined ? address : `${address} from ${from}`;
}

export interface DialPolicyOptions {
  readonly budget?: RetryBudgetPolicy;
  readonly breaker?: BreakerPolicy;
  /** Told of what was decided. A trial that fails decides nothing: the server was held back before. */
  readonly onDecision?: (decision: DialDecision) => void;
}

/** What lets those go who waited: one answer is enough. */
const ANSWERED: PolicyBound = { name: 'dials that were answered', limit: 1, value: 1 };

/**
 * Which dials of a process are made, and when: a budget for retries, a circuit breaker for each server that fails, and one for
 * all of them together when it looks as if it were the network here. Shared by all sessions of the process; it learns from
 * their own dials alone, never from what a peer says of a server. Sans-IO, `now` in milliseconds on any clock that only goes
 * forward.
 *
 * Calling contract: where `hold` says nothing, `begin`, and tell `end` what came of it. After each `end`, and at the time that
 * `hold` named, those who wait ask again.
 */
export class DialPolicy {
  readonly #random: () => number;
  readonly #breakerPolicy: BreakerPolicy;
  readonly #budget: RetryBudget;
  readonly #onDecision: DialPolicyOptions['onDecision'];
  /** Of servers that have failed, the one that failed last at the end. */
  readonly #servers = new Map<string, CircuitBreaker>();
  /** Those of them that answered since. */
  readonly #answered = new Set<string>();
  readonly #pattern = new FailurePattern();
  /** Closed unless the pattern was seen. */
  readonly #network: CircuitBreaker;
  #togetherUntilMs: number | undefined;
  /** The pattern was seen, and nobody answered since. */
  #blamed = false;

  /** @param random 0 <= random() < 1 */
  constructor(random: () => number, { budget, breaker = SERVER_BREAKER, onDecision }: DialPolicyOptions = {}) {
    this.#random = random;
    this.#breakerPolicy = breaker;
    this.#budget = new RetryBudget(budget);
    this.#network = new CircuitBreaker(random, breaker);
    this.#onDecision = onDecision;
  }

  /** Servers that are remembered for having failed. */
  get failing(): number {
    return this.#servers.size;
  }

  /** Why the dial has to wait, and until when at the most; undefined: it may begin. */
  hold(wanted: WantedDial, now: number): { readonly why: DialHold; readonly untilMs: number } | undefined {
    this.#partAt(now);
    const { breaker, why } = this.#judge(dialKey(wanted));
    const untilMs = breaker?.waitUntilMs(now);
    if (untilMs !== undefined) return { why, untilMs };
    const waitMs = wanted.again ? this.#budget.waitMs(now, wanted.commanded) : 0;
    return waitMs === 0 ? undefined : { why: 'budget', untilMs: now + waitMs };
  }

  begin(wanted: WantedDial, now: number): BegunDial {
    this.#partAt(now);
    if (wanted.again) this.#budget.take(now);
    else this.#budget.first(now);
    const key = dialKey(wanted);
    const server = this.#servers.get(key);
    const { breaker } = this.#judge(key);
    const trial = breaker !== undefined && breaker.state !== 'closed';
    const together = breaker === this.#network;
    const epochs = {
      server: (together ? undefined : server?.begin(now)) ?? 0,
      network: together ? this.#network.begin(now) : undefined,
    };
    return { ...wanted, trial, epochs };
  }

  /** What came of a dial. Returns what that changed, if anything. */
  end(dial: BegunDial, outcome: DialOutcome, now: number): DialChange | undefined {
    this.#partAt(now);
    if (outcome === 'reached') return this.#reached(dial, now);
    if (outcome === 'unreachable') return this.#unreachable(dial, now);
    this.#servers.get(dialKey(dial))?.unclear(dial.epochs.server);
    if (dial.epochs.network !== undefined) this.#network.unclear(dial.epochs.network);
    return undefined;
  }

  /** Whose word counts for this server now: one that has not failed, or answered since, is dialled whatever others do. */
  #judge(key: string): { readonly breaker: CircuitBreaker | undefined; readonly why: DialHold } {
    const server = this.#servers.get(key);
    if (server === undefined) return { breaker: undefined, why: 'breaker' };
    if (this.#togetherUntilMs !== undefined && !this.#answered.has(key))
      return { breaker: this.#network, why: 'network' };
    return { breaker: server, why: 'breaker' };
  }

  /** Nobody answered for long: from now on each server is tried by itself. */
  #partAt(now: number): void {
    if (this.#togetherUntilMs === undefined || now < this.#togetherUntilMs) return;
    this.#togetherUntilMs = undefined;
    for (const [key, breaker] of this.#servers) if (!this.#answered.has(key)) breaker.open(now);
  }

  #reached(dial: BegunDial, now: number): DialChange | undefined {
    this.#pattern.reached();
    const key = dialKey(dial);
    const server = this.#servers.get(key);
    const closed = server?.reached(now, dial.epochs.server) === true;
    if (server?.spotless === true) this.#forget(key);
    else if (server !== undefined) this.#answered.add(key);
    if (!this.#blamed) {
      if (closed) this.#decided('closed', key, ANSWERED, now);
      return closed ? 'closed' : undefined;
    }
    this.#blamed = false;
    this.#togetherUntilMs = undefined;
    // It was not they who failed; those who waited come to each a few at a time.
    for (const breaker of this.#servers.values()) breaker.close();
    this.#decided('network-back', '', ANSWERED, now);
    return 'network-back';
  }

  #unreachable(dial: BegunDial, now: number): DialChange | undefined {
    const { address, epochs, commanded = false, from } = dial;
    const server = this.#serverThatFailed(dialKey(dial));
    if (this.#togetherUntilMs !== undefined) {
      if (epochs.network !== undefined) this.#network.unreachable(now, epochs.network);
      return undefined;
    }
    if (!commanded && from === undefined && !this.#blamed && this.#pattern.unreachable(address, now)) {
      this.#blamed = true;
      this.#togetherUntilMs = now + TOGETHER_MS;
      this.#network.close();
      this.#network.open(now);
      this.#decided('network-lost', '', this.#pattern.bound, now);
      return 'network-lost';
    }
    const wasClosed = server.state === 'closed';
    if (!server.unreachable(now, epochs.server)) return undefined;
    if (wasClosed) this.#decided('opened', dialKey(dial), server.cause, now);
    return 'opened';
  }

  #decided(change: DialChange, server: string, bound: PolicyBound, atMs: number): void {
    this.#onDecision?.({ change, server, bound, failing: this.#servers.size, atMs });
  }

  #serverThatFailed(key: string): CircuitBreaker {
    const server = this.#servers.get(key) ?? new CircuitBreaker(this.#random, this.#breakerPolicy);
    this.#forget(key);
    this.#servers.set(key, server);
    const [oldest] = this.#servers.keys();
    if (this.#servers.size > MAX_FAILING_SERVERS && oldest !== undefined) this.#forget(oldest);
    return server;
  }

  #forget(key: string): void {
    this.#servers.delete(key);
    this.#answered.delete(key);
  }
}

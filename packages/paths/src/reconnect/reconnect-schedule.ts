import { KwikError } from '@kwik/wire';
import { attemptTimeoutMs } from './attempt-timeout.js';
import { Backoff } from './backoff.js';

/** A connection that held for so long is a new beginning: what lost it has nothing to do with the loss before. */
export const HELD_MS = 2000;

/** How hard a lost path is tried for. */
export interface ReconnectPolicy {
  /** Upper bound of the first wait, milliseconds; it doubles with each try (`Backoff`). */
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
  /** Attempts after a loss; then the path is given up. */
  readonly maxTries: number;
  /** The longest that one attempt may take, milliseconds. */
  readonly maxAttemptMs: number;
}

/** What `begin` decided. */
export interface ReconnectAttempt {
  /** Where to connect; the addresses take turns. */
  readonly address: string;
  /** How long the attempt may take, milliseconds. */
  readonly timeoutMs: number;
}

/**
 * `idle` before the first attempt; `given-up` when the policy's tries are used up, until there is reason to hope again
 * (`restart`); `abandoned` when nobody wants the path any more.
 */
export type ReconnectState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'given-up' | 'abandoned';

/**
 * When and where a path that was lost is connected again: waits that grow and vary, addresses in turn, attempts that get more
 * time each, and an end to it. Sans-IO, `now` in milliseconds on any clock that only goes forward.
 *
 * Calling contract: say `connected` and `lost` (also for an attempt that failed), or `comeBack`; after each call look at `dueAtMs`, and at
 * that time either `begin` the attempt or, where nobody can be asked, `postpone` it.
 */
export class ReconnectSchedule {
  readonly #addresses: readonly string[];
  readonly #random: () => number;
  #policy: ReconnectPolicy;
  #backoff: Backoff;
  #state: ReconnectState = 'idle';
  #dueAtMs: number | undefined;
  #connectedAtMs = 0;

  /**
   * @param addresses `host:port`, the preferred first; at least one
   * @param random 0 <= random() < 1; passed in, so that runs can be repeated
   */
  constructor(addresses: readonly string[], policy: ReconnectPolicy, random: () => number) {
    if (addresses.length === 0) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a path without an address');
    this.#addresses = addresses;
    this.#random = random;
    this.#policy = policy;
    this.#backoff = backoffOf(policy, random);
  }

  get state(): ReconnectState {
    return this.#state;
  }

  /** When the next attempt is to begin; undefined while none is to. */
  get dueAtMs(): number | undefined {
    return this.#dueAtMs;
  }

  /** From now on this policy holds; another one than before starts counting anew. */
  use(policy: ReconnectPolicy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#startAnew();
  }

  /** The attempt begins. `rttMs` is the path's round trip as it was; 0 when it is not known. */
  begin(rttMs: number): ReconnectAttempt {
    this.#require('idle', 'waiting');
    this.#enter('connecting');
    const { tries } = this.#backoff;
    return {
      address: this.#addresses[tries % this.#addresses.length]!,
      timeoutMs: attemptTimeoutMs(rttMs, tries, this.#policy.maxAttemptMs),
    };
  }

  /** The path carries data. */
  connected(now: number): void {
    this.#enter('connected');
    this.#connectedAtMs = now;
  }

  /**
   * The path died, or the attempt failed: it is tried again, or given up. A loss that is known already counts once.
   * `leastMs`: the server is not to be asked before so long.
   */
  lost(now: number, leastMs = 0): void {
    if (this.#state !== 'connected' && this.#state !== 'connecting') return;
    if (this.#state === 'connected' && now - this.#connectedAtMs >= HELD_MS) this.#startAnew();
    this.#wait(now, leastMs);
  }

  /** The server says itself when it takes the path again: that costs no try, however often it says so. */
  comeBack(now: number, ms: number): void {
    if (this.#state === 'connected' || this.#state === 'connecting') this.#enter('waiting', now + ms);
  }

  /** The attempt cannot be made now, through no fault of the path: it is due again in `ms`, and costs no try. */
  postpone(now: number, ms: number): void {
    this.#require('waiting');
    this.#enter('waiting', now + ms);
  }

  /** There is new hope, or new need: a path that waits or was given up is tried again, as after a first loss. */
  restart(now: number): void {
    this.#require('waiting', 'given-up');
    this.#startAnew();
    this.#wait(now);
  }

  /** The path is not to be tried again. */
  abandon(): void {
    this.#enter('abandoned');
  }

  #wait(now: number, leastMs = 0): void {
    const waitMs = this.#backoff.next();
    if (waitMs === undefined) this.#enter('given-up');
    else this.#enter('waiting', now + Math.max(waitMs, leastMs));
  }

  #startAnew(): void {
    this.#backoff = backoffOf(this.#policy, this.#random);
  }

  #enter(state: ReconnectState, dueAtMs?: number): void {
    this.#state = state;
    this.#dueAtMs = dueAtMs;
  }

  #require(...states: readonly ReconnectState[]): void {
    if (states.includes(this.#state)) return;
    throw new KwikError('ERR_KWIK_INVALID_STATE', `a path that is ${this.#state} should be ${states.join(' or ')}`);
  }
}

function backoffOf({ firstWaitMs, maxWaitMs, maxTries }: ReconnectPolicy, random: () => number): Backoff {
  return new Backoff(random, { baseMs: firstWaitMs, maxMs: maxWaitMs, maxTries });
}

import { KwikError } from '@kwik/wire';

/** First upper bound of a wait: a round trip or two, and a server that restarts is back after a few doublings. */
const DEFAULT_BASE_MS = 200;
/** V7.5: full service returns by itself, so nobody waits longer than this for a server that came back. */
const DEFAULT_MAX_MS = 30_000;
const DEFAULT_MAX_TRIES = 10;

export interface BackoffOptions {
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** `next` gives so many waits, then no more. */
  readonly maxTries?: number;
}

/**
 * Waits between attempts to set a path up again: exponential with full jitter (M. Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015), so that the clients of a server that fell do not come back as one wave.
 */
export class Backoff {
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #maxTries: number;
  #tries = 0;

  /** @param random 0 <= random() < 1; passed in, so that runs can be repeated */
  constructor(random: () => number, options: BackoffOptions = {}) {
    this.#random = random;
    this.#baseMs = options.baseMs ?? DEFAULT_BASE_MS;
    this.#maxMs = options.maxMs ?? DEFAULT_MAX_MS;
    this.#maxTries = options.maxTries ?? DEFAULT_MAX_TRIES;
    if (!(this.#baseMs > 0 && this.#maxMs >= this.#baseMs && this.#maxTries >= 0)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'backoff: 0 < base <= maximum and tries >= 0 does not hold');
    }
  }

  /** Waits given since the start or the last `reset`. */
  get tries(): number {
    return this.#tries;
  }

  /** Milliseconds to wait before the next attempt; `undefined` when there have been enough. */
  next(): number | undefined {
    if (this.#tries >= this.#maxTries) return undefined;
    const ceilingMs = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * ceilingMs;
  }

  /** An attempt succeeded and held. */
  reset(): void {
    this.#tries = 0;
  }
}

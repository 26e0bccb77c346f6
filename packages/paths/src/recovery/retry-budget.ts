/** What retries may cost. */
export interface RetryBudgetPolicy {
  /** What each first attempt allows of a retry: 0.1 keeps retries to a tenth of the load. */
  readonly perFirst: number;
  /** Retries a second that are allowed however little else is dialled, so that a lone client goes on trying. */
  readonly perSecond: number;
  /** Retries at once after a while in which few were needed. */
  readonly most: number;
}

/** Ten seconds' worth of the floor at once: all paths of a few sessions that are lost together are tried for at once. */
export const RETRY_BUDGET: RetryBudgetPolicy = { perFirst: 0.1, perSecond: 10, most: 100 };

/**
 * How many dials may be retries: servers in trouble are not to get more load for being in trouble. In any time of W seconds
 * with F first attempts there are at most `most + perFirst * F + perSecond * W` retries. Sans-IO, `now` in milliseconds on any
 * clock that only goes forward; one that goes back adds nothing.
 */
export class RetryBudget {
  readonly #policy: RetryBudgetPolicy;
  #tokens: number;
  #atMs: number | undefined;

  constructor(policy: RetryBudgetPolicy = RETRY_BUDGET) {
    this.#policy = policy;
    this.#tokens = policy.most;
  }

  /** A first attempt is made. */
  first(now: number): void {
    this.#refill(now);
    this.#add(this.#policy.perFirst);
  }

  /**
   * How long a retry must still wait, milliseconds, if nothing else is dialled meanwhile; 0: it may be made. One that a peer
   * `commanded` leaves half of what can be saved to the others.
   */
  waitMs(now: number, commanded = false): number {
    this.#refill(now);
    const least = commanded ? this.#policy.most / 2 + 1 : 1;
    if (this.#tokens >= least) return 0;
    // Never 0, whatever rounding makes of what is missing.
    return Math.max(1, Math.ceil(((least - this.#tokens) * 1000) / this.#policy.perSecond));
  }

  /** A retry is made. Only when `waitMs` is 0. */
  take(now: number): void {
    this.#refill(now);
    this.#tokens -= 1;
  }

  #refill(now: number): void {
    const elapsedMs = Math.max(0, now - (this.#atMs ?? now));
    this.#atMs = Math.max(now, this.#atMs ?? now);
    this.#add((elapsedMs * this.#policy.perSecond) / 1000);
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(this.#policy.most, this.#tokens + tokens);
  }
}

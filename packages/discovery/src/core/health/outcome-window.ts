const BUCKETS = 6;

/** How often something succeeded and failed in the last `spanMs`, in six buckets of time. */
export class OutcomeWindow {
  readonly #bucketMs: number;
  readonly #successes = new Array<number>(BUCKETS).fill(0);
  readonly #failures = new Array<number>(BUCKETS).fill(0);
  #bucket = 0;

  constructor(spanMs: number, now: number) {
    this.#bucketMs = spanMs / BUCKETS;
    this.#bucket = Math.floor(now / this.#bucketMs);
  }

  add(succeeded: boolean, now: number): void {
    this.#advance(now);
    const counts = succeeded ? this.#successes : this.#failures;
    const at = this.#bucket % BUCKETS;
    counts[at] = (counts[at] ?? 0) + 1;
  }

  /** `rate` is undefined when nothing was tried. */
  read(now: number): { readonly attempts: number; readonly rate: number | undefined } {
    this.#advance(now);
    const successes = sum(this.#successes);
    const attempts = successes + sum(this.#failures);
    return { attempts, rate: attempts === 0 ? undefined : successes / attempts };
  }

  #advance(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    for (let steps = Math.min(BUCKETS, bucket - this.#bucket); steps > 0; steps--) {
      const at = (bucket - steps + 1) % BUCKETS;
      this.#successes[at] = 0;
      this.#failures[at] = 0;
    }
    this.#bucket = Math.max(this.#bucket, bucket);
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

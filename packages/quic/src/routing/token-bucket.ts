/** A rate with a burst. Pure: time comes in as `now` (ms). */
export class TokenBucket {
  private tokens: number;
  private updatedMs: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    now: number,
  ) {
    this.tokens = burst;
    this.updatedMs = now;
  }

  /** Takes so many tokens; false, and none are taken, when there are fewer. A clock that goes back brings none. */
  take(now: number, tokens = 1): boolean {
    const elapsedMs = Math.max(0, now - this.updatedMs);
    this.tokens = Math.min(this.burst, this.tokens + (elapsedMs * this.perSecond) / 1000);
    this.updatedMs = now;
    if (this.tokens < tokens) return false;
    this.tokens -= tokens;
    return true;
  }
}

/** One bucket per key, for at most `maxKeys` keys: the one that was made longest ago goes first. */
export class TokenBuckets {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly maxKeys: number,
  ) {}

  get size(): number {
    return this.buckets.size;
  }

  take(key: string, now: number, tokens = 1): boolean {
    let bucket = this.buckets.get(key);
    if (bucket === undefined) {
      this.evictIfFull();
      bucket = new TokenBucket(this.perSecond, this.burst, now);
      this.buckets.set(key, bucket);
    }
    return bucket.take(now, tokens);
  }

  private evictIfFull(): void {
    if (this.buckets.size < this.maxKeys) return;
    for (const oldest of this.buckets.keys()) {
      this.buckets.delete(oldest);
      return;
    }
  }
}

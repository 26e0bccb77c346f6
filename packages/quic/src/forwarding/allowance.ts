/** What a relay forwards for one client. */
export interface AllowanceLimits {
  /** Bytes of UDP payload in all, both directions together. */
  readonly bytes: number;
  /** Bytes per second in the long run, both directions together. */
  readonly bytesPerSecond: number;
}

/** The client is told when it has used so much, and has the rest to find another way. */
const TELL_AT = 0.8;
/** What may come at once: a tenth of a second, and at least the first flights of both ends of a few connections. */
const BURST_SECONDS = 0.1;
const MIN_BURST_BYTES = 256 * 1024;

/** Counts down what may still be forwarded. Pure: time comes in as `now`, milliseconds. */
export class Allowance {
  private used = 0;
  private tokens: number;
  private updatedMs: number;
  private readonly burstBytes: number;

  /** `onNearEnd`: four fifths of the bytes are used; called once, between two datagrams, and must not throw. */
  constructor(
    private readonly limits: AllowanceLimits,
    now: number,
    private readonly onNearEnd: () => void = () => undefined,
  ) {
    this.burstBytes = Math.max(MIN_BURST_BYTES, limits.bytesPerSecond * BURST_SECONDS);
    this.tokens = this.burstBytes;
    this.updatedMs = now;
  }

  get leftBytes(): number {
    return Math.max(0, this.limits.bytes - this.used);
  }

  /** Whether a datagram of `bytes` may pass; one that may not costs nothing. */
  take(bytes: number, now: number): 'granted' | 'rate' | 'quota' {
    const { used } = this;
    if (used + bytes > this.limits.bytes) return 'quota';
    this.refill(now);
    if (this.tokens < bytes) return 'rate';
    this.tokens -= bytes;
    this.used += bytes;
    const tellAt = TELL_AT * this.limits.bytes;
    if (used < tellAt && this.used >= tellAt) this.onNearEnd();
    return 'granted';
  }

  private refill(now: number): void {
    const seconds = Math.max(0, now - this.updatedMs) / 1000;
    this.tokens = Math.min(this.burstBytes, this.tokens + seconds * this.limits.bytesPerSecond);
    this.updatedMs = now;
  }
}

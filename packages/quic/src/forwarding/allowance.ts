import { TokenBucket } from '../routing/token-bucket.js';

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
  private readonly rate: TokenBucket;

  /** `onNearEnd`: four fifths of the bytes are used; called once, between two datagrams, and must not throw. */
  constructor(
    private readonly limits: AllowanceLimits,
    now: number,
    private readonly onNearEnd: () => void = () => undefined,
  ) {
    const burstBytes = Math.max(MIN_BURST_BYTES, limits.bytesPerSecond * BURST_SECONDS);
    this.rate = new TokenBucket(limits.bytesPerSecond, burstBytes, now);
  }

  get leftBytes(): number {
    return Math.max(0, this.limits.bytes - this.used);
  }

  /** Whether a datagram of `bytes` may pass; one that may not costs nothing. */
  take(bytes: number, now: number): 'granted' | 'rate' | 'quota' {
    const { used } = this;
    if (used + bytes > this.limits.bytes) return 'quota';
    if (!this.rate.take(now, bytes)) return 'rate';
    this.used += bytes;
    const tellAt = TELL_AT * this.limits.bytes;
    if (used < tellAt && this.used >= tellAt) this.onNearEnd();
    return 'granted';
  }
}

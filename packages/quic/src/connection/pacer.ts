import { ETHERNET_IPV4_BYTES } from '../packets/datagram-bytes.js';
import { BbrRate, type PathModel, windowRate } from './pacing-rate.js';

/** Bursts that are always allowed: what a NIC or switch takes without harm, and what slow paths need to be efficient. */
const MIN_BURST_DATAGRAMS = 4;
/** Node's timers come 1 to 2 ms late; a burst must bridge that or the rate is never reached. */
const BURST_MS = 3;
/** A busy process wakes later still; so much of what it missed may go in a burst, and the rest is lost. */
const MAX_LATE_MS = 8;
/**
 * Rates for which 1 ms timers would mean bursts beyond 40 kB at a time: there acknowledgements clock better than timers.
 * 32 MB/s is some 250 Mbit/s.
 */
const UNPACED_FROM_BYTES_PER_MS = 32 * 1024;
/**
 * Paths this short (loopback, one switch) are below what timers can spread packets over. Their lowest RTT tells, not
 * the present one, which grows with the load of the two machines.
 */
const UNPACED_BELOW_MIN_RTT_MS = 1;

/** Spreads packets over the round trip: a token bucket of bytes. Pure: time comes in as `now` (ms). */
export class Pacer {
  private ratePerMs = Infinity;
  private leastBurstBytes = 0;
  private burstBytes: number;
  private tokens: number;
  private updatedMs: number;
  private readonly bbr: BbrRate | undefined;

  constructor(
    private readonly enabled: boolean,
    congestionControl: 'bbr' | 'cubic' | 'reno',
    datagramBytes: number,
    now: number,
  ) {
    this.bbr = congestionControl === 'bbr' ? new BbrRate() : undefined;
    this.burstBytes = 0;
    this.fit(Math.min(datagramBytes, ETHERNET_IPV4_BYTES));
    this.tokens = this.burstBytes;
    this.updatedMs = now;
  }

  /** Bytes per millisecond; Infinity when packets are not paced. */
  get rate(): number {
    return this.ratePerMs;
  }

  /** That the path was seen to carry at most, bytes per millisecond; 0 while it was not full yet, and without BBR. */
  get bandwidth(): number {
    return this.bbr?.bandwidth ?? 0;
  }

  get unlimited(): boolean {
    return this.ratePerMs === Infinity;
  }

  /** A new sample of the path. */
  update(path: PathModel, now: number): void {
    this.refill(now);
    this.ratePerMs = this.rateFor(path, now);
    if (this.unlimited) return;
    this.burstBytes = Math.max(this.leastBurstBytes, this.ratePerMs * BURST_MS);
    this.tokens = Math.min(this.tokens, this.burstBytes);
  }

  /** Datagrams have so many bytes from now on: a burst holds a few, and of long ones one at least. */
  fit(datagramBytes: number): void {
    this.leastBurstBytes = Math.max(datagramBytes, MIN_BURST_DATAGRAMS * Math.min(datagramBytes, ETHERNET_IPV4_BYTES));
    this.burstBytes = Math.max(this.burstBytes, this.leastBurstBytes);
  }

  /** Bytes that may be sent now; below 0 after packets that could not wait (probes, acknowledgements). */
  budget(now: number): number {
    if (this.unlimited) return Infinity;
    this.refill(now);
    return this.tokens;
  }

  /** The sender waited until `dueMs` and was woken late: what that cost it, it may make up for, within reason. */
  forgive(dueMs: number, now: number): void {
    if (this.unlimited) return;
    this.refill(now);
    const lateMs = Math.min(MAX_LATE_MS, Math.max(0, now - dueMs - this.burstBytes / this.ratePerMs));
    this.tokens += lateMs * this.ratePerMs;
  }

  consume(bytes: number, now: number): void {
    if (this.unlimited) return;
    this.refill(now);
    // A debt beyond one burst would only punish what comes after; but a long datagram is paid for.
    this.tokens = Math.max(this.tokens - bytes, -Math.max(this.burstBytes, bytes));
  }

  /** Milliseconds until `bytes` may be sent. */
  waitMs(bytes: number, now: number): number {
    const missing = Math.min(bytes, this.burstBytes) - this.budget(now);
    return missing <= 0 ? 0 : missing / this.ratePerMs;
  }

  private rateFor(path: PathModel, now: number): number {
    if (!this.enabled || path.minRttMs < UNPACED_BELOW_MIN_RTT_MS) return Infinity;
    const rate = this.bbr === undefined ? windowRate(path) : this.bbr.rate(path, now);
    return rate >= UNPACED_FROM_BYTES_PER_MS ? Infinity : rate;
  }

  private refill(now: number): void {
    const elapsedMs = Math.max(0, now - this.updatedMs);
    this.updatedMs = now;
    if (this.unlimited) this.tokens = this.burstBytes;
    else this.tokens = Math.max(this.tokens, Math.min(this.burstBytes, this.tokens + elapsedMs * this.ratePerMs));
  }
}

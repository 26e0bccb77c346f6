/** The window in round trips: long enough to smooth bursts and acknowledgement clumps, short enough to shift within 1 s (V5.2). */
const WINDOW_RTTS = 4;
const MIN_WINDOW_MS = 100;
const MAX_WINDOW_MS = 1000;
/** Parts of the window; the oldest falls out whole, so the estimate moves in steps of a sixteenth. */
const BUCKETS = 16;
/** Buckets kept at most, when the window has just shrunk. */
const MAX_BUCKETS = 2 * BUCKETS;

interface Bucket {
  startMs: number;
  bytes: number;
}

/**
 * Delivered bytes per second over the last four round trips (100 ms to 1 s). For a sender: bytes acknowledged; for a
 * receiver: bytes that arrived. Time in which nothing was asked of the path does not count: say so with `pause`.
 */
export class RateEstimator {
  readonly #buckets: Bucket[] = [];
  #rttMs = 0;
  #totalBytes = 0;
  #pausedAtMs: number | undefined;

  /** Everything ever delivered. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** @param rttMs smoothed round trip of the path; sets the length of the window */
  onDelivered(bytes: number, rttMs: number, now: number): void {
    this.resume(now);
    this.#rttMs = rttMs;
    this.#totalBytes += bytes;
    const newest = this.#buckets[this.#buckets.length - 1];
    if (newest !== undefined && now - newest.startMs < this.#windowMs() / BUCKETS) {
      newest.bytes += bytes;
      return;
    }
    this.#buckets.push({ startMs: now, bytes });
    if (this.#buckets.length > MAX_BUCKETS) this.#buckets.shift();
    this.#expire(now);
  }

  /** 0 before anything was delivered; falls towards 0 while nothing comes and the clock is not paused. */
  bytesPerSecond(now: number): number {
    const at = this.#pausedAtMs ?? now;
    this.#expire(at);
    const oldest = this.#buckets[0];
    if (oldest === undefined) return 0;
    let bytes = 0;
    for (const bucket of this.#buckets) bytes += bucket.bytes;
    // A lone bucket has no length yet; a sixteenth of the window is the shortest time that is worth dividing by.
    const elapsedMs = Math.max(at - oldest.startMs, this.#windowMs() / BUCKETS);
    return (bytes / elapsedMs) * 1000;
  }

  /** Nothing is asked of the path from now on: the estimate stays. */
  pause(now: number): void {
    this.#pausedAtMs ??= now;
  }

  /** Something is asked again; a delivery says so too. */
  resume(now: number): void {
    if (this.#pausedAtMs === undefined) return;
    const idleMs = Math.max(0, now - this.#pausedAtMs);
    for (const bucket of this.#buckets) bucket.startMs += idleMs;
    this.#pausedAtMs = undefined;
  }

  #windowMs(): number {
    return Math.min(Math.max(WINDOW_RTTS * this.#rttMs, MIN_WINDOW_MS), MAX_WINDOW_MS);
  }

  #expire(now: number): void {
    while (this.#buckets.length > 0 && now - (this.#buckets[0] as Bucket).startMs > this.#windowMs()) {
      this.#buckets.shift();
    }
  }
}

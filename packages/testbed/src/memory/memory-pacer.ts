import type { PathCapacity } from './path-capacity.js';

/** A timer per packet would cost much and show nothing. */
const LEAST_WAIT_MS = 0.5;

/** A token bucket: spreads packets over time (RFC 9002, section 7.7). Times in milliseconds. */
export class MemoryPacer {
  #budget = Infinity;
  #atMs: number;

  constructor(now: number) {
    this.#atMs = now;
  }

  /** Bytes that may go at `now`. */
  budget({ bytesPerMs, burstBytes }: PathCapacity, now: number): number {
    if (bytesPerMs === Infinity) return (this.#budget = Infinity);
    const earned = Math.max(0, now - this.#atMs) * bytesPerMs;
    this.#budget = Math.min(burstBytes, this.#budget + earned);
    this.#atMs = Math.max(now, this.#atMs);
    return this.#budget;
  }

  spend(bytes: number): void {
    this.#budget = Math.max(0, this.#budget - bytes);
  }

  /** When `bytes` may go, if they may not at `now`. */
  readyMs(bytes: number, capacity: PathCapacity, now: number): number {
    return now + Math.max(LEAST_WAIT_MS, (bytes - this.budget(capacity, now)) / capacity.bytesPerMs);
  }
}

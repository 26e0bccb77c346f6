/** A peak is half forgotten after some seven seconds: long against round trips, short against the life of an overload. */
const DECAY_MS = 10_000;

/**
 * The round trip of a server as a balancer sees it (Peak-EWMA): a worse sample counts at once and whole, a better one
 * little by little.
 */
export class PeakEwma {
  #valueMs: number | undefined;
  #atMs = 0;

  /** Undefined before the first sample. */
  get valueMs(): number | undefined {
    return this.#valueMs;
  }

  sample(rttMs: number, now: number): void {
    if (!(rttMs >= 0) || rttMs === Infinity) return;
    const value = this.#valueMs;
    if (value === undefined || rttMs >= value) this.#valueMs = rttMs;
    else {
      const kept = Math.exp(-Math.max(0, now - this.#atMs) / DECAY_MS);
      this.#valueMs = value * kept + rttMs * (1 - kept);
    }
    this.#atMs = now;
  }
}

/** A silence that proved nothing is not believed again soon, … */
const MARGIN = 1.25;
/** … and half as long after this time. */
const HALF_LIFE_MS = 5000;

/** Remembers how long a path was silent that turned out to be well: late turns of two busy processes, mostly. */
export class SpuriousSilence {
  #ms = 0;
  #atMs = 0;

  /** It was silent for `silentMs`, and at `now` it was heard. A silence of more than `maxMs` was an outage. */
  learn(silentMs: number, now: number, maxMs: number): void {
    if (silentMs > maxMs) return;
    this.#ms = silentMs;
    this.#atMs = now;
  }

  /** A shorter silence says nothing. */
  leastMs(now: number): number {
    return MARGIN * this.#ms * 2 ** ((this.#atMs - now) / HALF_LIFE_MS);
  }
}

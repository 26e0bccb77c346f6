interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Long enough to smooth the bursts of a paced connection, short enough to show a server's death at once. */
const WINDOW_MS = 1000;

/** Rate of a growing count of bytes over the recent past. Takes `now`; holds no clock. */
export class RateWindow {
  readonly #windowMs: number;
  readonly #samples: Sample[] = [];

  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** `bytes` is the total so far. */
  add(bytes: number, now: number): void {
    this.#samples.push({ atMs: now, bytes });
    // One sample at or before the window's edge stays, so that the difference covers the whole window.
    while ((this.#samples[1]?.atMs ?? Infinity) <= now - this.#windowMs) this.#samples.shift();
  }

  /** Bytes per second between the oldest and the newest sample; 0 while there is only one. */
  rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}

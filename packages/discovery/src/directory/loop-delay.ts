/** Every so often a tick is due, and how late it comes says for how long this process did not run. */
export const TICK_MS = 1000;
/** Less is the ordinary jitter of timers. */
const TOLERANCE_MS = 50;

/** By how much the event loop was late, from ticks that were due at equal distances. */
export class LoopDelay {
  #lastMs: number;

  constructor(now: number) {
    this.#lastMs = now;
  }

  /** To be called by a timer of `TICK_MS`. Returns for how long the process was held up since the last call. */
  tick(now: number): number {
    const lateMs = now - this.#lastMs - TICK_MS;
    this.#lastMs = now;
    return lateMs > TOLERANCE_MS ? lateMs : 0;
  }
}

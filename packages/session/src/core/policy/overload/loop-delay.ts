/** So many looks in a row must have been late: one long pause (a collection of garbage) is no overload. */
const LOOKS = 3;

/** How late the timers of a process are, as of the last looks. Sans-IO, milliseconds. */
export class LoopDelay {
  #late: number[] = [];

  /** A look that was due at `dueMs` came at `now`. */
  onLook(dueMs: number, now: number): void {
    this.#late = [...this.#late, Math.max(0, now - dueMs)].slice(-LOOKS);
  }

  /** Every one of the last looks was late by so much, or more. */
  get lastingMs(): number {
    return this.#late.length < LOOKS ? 0 : Math.min(...this.#late);
  }
}

/** A timer that was set; cancelling a fired or cancelled one does nothing. */
export interface TimerHandle {
  cancel(): void;
}

/** Time and timers, so that the same code runs on real and on virtual time. Cores take `now` instead. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; the zero point means nothing. */
  now(): number;
  /** Calls `callback` once, `delayMs` or a little more from now; never synchronously. Does not keep a process alive by itself. */
  schedule(delayMs: number, callback: () => void): TimerHandle;
}

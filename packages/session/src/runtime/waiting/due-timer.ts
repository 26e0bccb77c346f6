import type { Clock, TimerHandle } from '@kwik/wire';

/** Calls `action` at a time that is set, moved and taken back: never more than one timer of the clock. */
export class DueTimer {
  readonly #clock: Clock;
  readonly #action: () => void;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** @param dueAtMs on the clock; at once when it has passed. Undefined: not at all */
  set(dueAtMs: number | undefined): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueAtMs === undefined) return;
    this.#timer = this.#clock.schedule(Math.max(0, dueAtMs - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#action();
    });
  }
}

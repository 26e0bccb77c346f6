/** As long as a timer goes; it does nothing. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/**
 * Keeps the process alive while something holds it. Sockets of `node:net` do that by themselves; here many sockets share
 * UDP sockets, which therefore never do.
 */
export class ProcessHold {
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Returns what lets go again, once. */
  take(): () => void {
    this.#holders += 1;
    this.#timer ??= setInterval(() => undefined, LONGEST_TIMER_MS);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }
}

/** One holder of the process, on and off as often as it likes. */
export class Holder {
  readonly #hold: ProcessHold;
  #release: (() => void) | undefined;

  constructor(hold: ProcessHold) {
    this.#hold = hold;
  }

  set(holds: boolean): void {
    if (holds) this.#release ??= this.#hold.take();
    else {
      this.#release?.();
      this.#release = undefined;
    }
  }
}

/** Calls back once after a time without `refresh`; it keeps no process alive. */
export class IdleTimer {
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** 0 milliseconds: no longer. */
  set(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = ms === 0 ? undefined : setTimeout(this.#onIdle, ms).unref();
  }

  refresh(): void {
    this.#timer?.refresh();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

import type { Clock, TimerHandle } from '@kwik/wire';

/** What a session does in a turn. */
export interface TurnSteps {
  /** Looks at what has happened and decides what is to be sent. */
  prepare(now: number): void;
  /** Sends what is there to be sent, after `prepare`. */
  send(now: number): void;
  /** Called at `nextTimeoutMs`, in place of a turn. */
  handleTimeout(now: number): void;
  /** When `handleTimeout` is to be called; Infinity for never. */
  nextTimeoutMs(): number;
  /** Nobody catches what is thrown from a timer or a microtask. */
  failed(error: unknown): void;
}

/**
 * When a session looks after everything: once at the end of a turn of the event loop in which something happened, and at
 * its next deadline. Whoever changes something says so, and need not know what follows from it.
 */
export class Turn {
  readonly #clock: Clock;
  readonly #steps: TurnSteps;
  #scheduled = false;
  #preparing = false;
  #stopped = false;
  #timer: TimerHandle | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, steps: TurnSteps) {
    this.#clock = clock;
    this.#steps = steps;
  }

  /** Something happened: everything is looked after at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#guarded(() => this.run());
    });
  }

  /** Something waits to be sent: as `wake`, unless the turn that is under way still comes to that. */
  onQueued(): void {
    if (!this.#preparing) this.wake();
  }

  /** More than one turn should send at once: the others have theirs first. */
  again(): void {
    this.#clock.schedule(0, () => this.wake());
  }

  run(): void {
    if (this.#stopped) return;
    const now = this.#clock.now();
    this.#preparing = true;
    try {
      this.#steps.prepare(now);
    } finally {
      this.#preparing = false;
    }
    this.#complete(now);
  }

  /** Sets the timer to the next deadline. One that is set for an earlier time stays: it looks again when it fires. */
  arm(): void {
    if (this.#stopped) return;
    const next = this.#steps.nextTimeoutMs();
    if (this.#timer !== undefined && next >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.schedule(Math.max(0, next - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#guarded(() => this.#steps.handleTimeout(this.#clock.now()));
    });
  }

  /** The session is over. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** The session may have ended meanwhile. */
  #complete(now: number): void {
    if (this.#stopped) return;
    this.#steps.send(now);
    this.arm();
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#steps.failed(error);
    }
  }
}

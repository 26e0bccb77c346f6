import type { Clock, TimerHandle } from '@kwik/wire';

export interface ProcessClockOptions {
  /** Added to the time of the clock below: two processes agree on no zero point. Default 0. */
  readonly offsetMs?: number;
}

interface Timer {
  readonly callback: () => void;
  readonly handle: TimerHandle;
}

/** Datagrams that the kernel keeps for a process that does not run: about what a default socket buffer holds. */
const MAX_INPUT_WAITING = 256;

/**
 * The clock of one simulated process, over the clock of the world. The process can sleep (a suspended laptop, a stopped
 * container, a long pause of the collector): nothing of it runs, and afterwards everything that was due is late, timers
 * first and then what had come for it, as in Node's event loop. And it can end, with all its timers.
 */
export class ProcessClock implements Clock {
  readonly #world: Clock;
  readonly #offsetMs: number;
  readonly #timers = new Set<Timer>();
  #lateTimers: Timer[] = [];
  #lateInput: (() => void)[] = [];
  #wakeMs = 0;
  #asleep = false;
  #ended = false;

  constructor(world: Clock, options: ProcessClockOptions = {}) {
    this.#world = world;
    this.#offsetMs = options.offsetMs ?? 0;
  }

  now(): number {
    return this.#world.now() + this.#offsetMs;
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    if (this.#ended) return { cancel: () => undefined };
    const timer: Timer = { callback, handle: this.#world.schedule(delayMs, () => this.#fire(timer)) };
    this.#timers.add(timer);
    return {
      cancel: () => {
        if (this.#timers.delete(timer)) timer.handle.cancel();
      },
    };
  }

  /** Timers that are set and neither fired nor cancelled. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  get asleep(): boolean {
    return this.#asleep;
  }

  /** Nothing of the process runs for `ms`; sleeping again while asleep only makes it longer. */
  sleep(ms: number): void {
    if (this.#ended) return;
    this.#wakeMs = Math.max(this.#wakeMs, this.#world.now() + ms);
    this.#asleep = true;
    this.#world.schedule(ms, () => this.#wake());
  }

  /** The process is no more: none of its timers will fire, and nothing reaches it. */
  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) timer.handle.cancel();
    this.#timers.clear();
    this.#lateTimers = [];
    this.#lateInput = [];
  }

  /** Something came for the process from outside: it is told at once, or when it wakes, or never. */
  input(callback: () => void): void {
    if (this.#ended) return;
    if (!this.#asleep) callback();
    else if (this.#lateInput.length < MAX_INPUT_WAITING) this.#lateInput.push(callback);
  }

  #fire(timer: Timer): void {
    if (this.#asleep) {
      this.#lateTimers.push(timer);
    } else if (this.#timers.delete(timer)) {
      timer.callback();
    }
  }

  #wake(): void {
    if (this.#ended || !this.#asleep || this.#world.now() < this.#wakeMs) return;
    this.#asleep = false;
    const timers = this.#lateTimers;
    const input = this.#lateInput;
    this.#lateTimers = [];
    this.#lateInput = [];
    // Each in a turn of its own, so that promises settle between them.
    for (const timer of timers) this.#world.schedule(0, () => this.#fire(timer));
    for (const callback of input) this.#world.schedule(0, () => this.input(callback));
  }
}

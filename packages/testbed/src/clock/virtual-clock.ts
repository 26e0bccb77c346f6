import { KwikError, type Clock, type TimerHandle } from '@kwik/wire';

import { TimeHeap } from '../queues/time-heap.js';

export interface VirtualClockOptions {
  /** Where time begins; default 0. */
  readonly startMs?: number;
}

/** Bounds of one run, so that a simulation that never comes to rest fails instead of hanging. */
export interface RunBounds {
  /** Virtual milliseconds; default 600 000. */
  readonly maxMs?: number;
  /** Timers; default 10 million. */
  readonly maxTimers?: number;
}

interface Timer {
  callback: (() => void) | undefined;
}

const DEFAULT_MAX_MS = 600_000;
const DEFAULT_MAX_TIMERS = 10_000_000;
/** Timers without time passing: an endless loop of zero delays, no simulation. */
const MAX_TIMERS_PER_INSTANT = 1_000_000;
/** Cancelled timers stay in the heap until there are this many of them, and more than live ones. */
const MIN_CANCELLED_TO_SWEEP = 256;

/**
 * Time that passes only when told to. Timers run in the order of their times, those of one time in the order in which
 * they were set, and `now()` is exactly the timer's time while it runs.
 *
 * The `…Async` methods let promises settle after each timer, for code that awaits between its timers.
 */
export class VirtualClock implements Clock {
  readonly #timers = new TimeHeap<Timer>();
  #nowMs: number;
  #cancelled = 0;
  #running = false;
  #timersAtNow = 0;

  constructor(options: VirtualClockOptions = {}) {
    this.#nowMs = options.startMs ?? 0;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    if (Number.isNaN(delayMs))
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a timer needs a number of milliseconds');
    if (delayMs === Infinity) return { cancel: () => undefined };
    const timer: Timer = { callback };
    this.#timers.push(this.#nowMs + Math.max(0, delayMs), timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /** Timers that are set and neither fired nor cancelled. */
  get pendingTimers(): number {
    return this.#timers.size - this.#cancelled;
  }

  /** Time of the next timer; Infinity when there is none. */
  get nextTimerMs(): number {
    this.#skipCancelled();
    return this.#timers.firstMs;
  }

  /**
   * Runs every timer due until `timeMs`, also those set on the way, and ends there.
   * @throws KwikError ERR_KWIK_INVALID_ARGUMENT for a time in the past; ERR_KWIK_INVALID_STATE from inside a timer;
   * ERR_KWIK_LIMIT_EXCEEDED when time stands still; and whatever a timer throws.
   */
  advanceTo(timeMs: number): void {
    this.#checkTarget(timeMs);
    while (this.#fireNext(timeMs));
    this.#nowMs = timeMs;
  }

  advanceBy(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  async advanceToAsync(timeMs: number): Promise<void> {
    this.#checkTarget(timeMs);
    await settlePromises();
    while (this.#fireNext(timeMs)) await settlePromises();
    this.#nowMs = Math.max(this.#nowMs, timeMs);
    await settlePromises();
  }

  advanceByAsync(ms: number): Promise<void> {
    return this.advanceToAsync(this.#nowMs + ms);
  }

  /**
   * Runs timers until `condition` holds; true if it does, false when no timer is left or `maxMs` have passed.
   * @throws KwikError ERR_KWIK_LIMIT_EXCEEDED after `maxTimers`.
   */
  runUntil(condition: () => boolean, bounds: RunBounds = {}): boolean {
    const budget = this.#budget(bounds);
    while (!condition()) {
      budget.spend();
      if (!this.#fireNext(budget.untilMs)) return false;
    }
    return true;
  }

  async runUntilAsync(condition: () => boolean, bounds: RunBounds = {}): Promise<boolean> {
    const budget = this.#budget(bounds);
    await settlePromises();
    while (!condition()) {
      budget.spend();
      if (!this.#fireNext(budget.untilMs)) return false;
      await settlePromises();
    }
    return true;
  }

  /**
   * Runs timers until none is left.
   * @throws KwikError ERR_KWIK_LIMIT_EXCEEDED when some are left after the bounds.
   */
  runUntilIdle(bounds: RunBounds = {}): void {
    this.runUntil(() => false, bounds);
    this.#assertIdle();
  }

  async runUntilIdleAsync(bounds: RunBounds = {}): Promise<void> {
    await this.runUntilAsync(() => false, bounds);
    this.#assertIdle();
  }

  #assertIdle(): void {
    if (this.pendingTimers === 0) return;
    throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${this.pendingTimers} timers are left at ${this.#nowMs} ms`);
  }

  /** Runs the next timer that is due until `untilMs`; false when there is none. */
  #fireNext(untilMs: number): boolean {
    if (this.#running) throw new KwikError('ERR_KWIK_INVALID_STATE', 'time cannot be advanced from inside a timer');
    const dueMs = this.nextTimerMs;
    if (dueMs > untilMs || dueMs === Infinity) return false;
    this.#timersAtNow = dueMs > this.#nowMs ? 1 : this.#timersAtNow + 1;
    if (this.#timersAtNow > MAX_TIMERS_PER_INSTANT) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${MAX_TIMERS_PER_INSTANT} timers ran at ${this.#nowMs} ms`);
    }
    this.#nowMs = Math.max(this.#nowMs, dueMs);
    const timer = this.#timers.pop();
    const callback = timer?.callback;
    if (timer !== undefined) timer.callback = undefined;
    this.#running = true;
    try {
      callback?.();
    } finally {
      this.#running = false;
    }
    return true;
  }

  #cancel(timer: Timer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled++;
    if (this.#cancelled < MIN_CANCELLED_TO_SWEEP || this.#cancelled * 2 < this.#timers.size) return;
    this.#timers.filter(({ callback }) => callback !== undefined);
    this.#cancelled = 0;
  }

  #skipCancelled(): void {
    for (let first = this.#timers.peek(); first?.callback === undefined; first = this.#timers.peek()) {
      if (this.#timers.pop() === undefined) return;
      this.#cancelled--;
    }
  }

  #checkTarget(timeMs: number): void {
    if (timeMs >= this.#nowMs && timeMs < Infinity) return;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `cannot advance from ${this.#nowMs} to ${timeMs} ms`);
  }

  #budget({ maxMs = DEFAULT_MAX_MS, maxTimers = DEFAULT_MAX_TIMERS }: RunBounds): { untilMs: number; spend(): void } {
    let left = maxTimers;
    const spend = (): void => {
      if (--left < 0) throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${maxTimers} timers ran without an end`);
    };
    return { untilMs: this.#nowMs + maxMs, spend };
  }
}

/** One turn of Node's own loop: every promise that can settle without time passing has done so. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

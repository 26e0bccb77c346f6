import type { Clock, TimerHandle } from '@kwik/wire';
import { Backlog } from './backlog.js';

/**
 * Timers may take so long in one turn of Node's loop, milliseconds. The rest wait for the next: Node itself would call
 * all that are due before it reads anything, and a process with thousands of them that is late would take every peer
 * for silent.
 */
const BUDGET_MS = 0.5;

interface Timer {
  readonly callback: () => void;
  cancelled: boolean;
}

/**
 * The real clock: `performance.now()` and unreferenced timers, so that a timer alone keeps no process alive. It calls back
 * what is due, but not for longer than is fair to what waits to be read: one for a process, or each has a share of its own.
 */
export class SystemClock implements Clock {
  /** Due, and not called for lack of time. */
  private readonly waiting = new Backlog<Timer>();
  /** When the first timer of this turn of the loop was called. */
  private turnMs: number | undefined;

  now(): number {
    return performance.now();
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    const timer: Timer = { callback, cancelled: false };
    const handle = setTimeout(this.onDue, delayMs, timer);
    handle.unref();
    return {
      cancel: () => {
        timer.cancelled = true;
        clearTimeout(handle);
      },
    };
  }

  private readonly onDue = (timer: Timer): void => {
    const now = performance.now();
    if (this.turnMs === undefined) {
      this.turnMs = now;
      setImmediate(this.onTurn);
    }
    if (this.waiting.size > 0 || now - this.turnMs > BUDGET_MS) this.waiting.add(timer);
    else timer.callback();
  };

  /** What has come was read meanwhile. */
  private readonly onTurn = (): void => {
    this.turnMs = undefined;
    if (this.waiting.size === 0) return;
    const start = performance.now();
    try {
      while (this.waiting.size > 0 && performance.now() - start <= BUDGET_MS) {
        const timer = this.waiting.take()!;
        if (!timer.cancelled) timer.callback();
      }
    } finally {
      if (this.waiting.size > 0) {
        this.turnMs = start;
        setImmediate(this.onTurn);
      }
    }
  };
}

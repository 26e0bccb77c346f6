import type { Clock, TimerHandle } from '@kwik/wire';

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

/** Calls back what is due, but not for longer than is fair to what waits to be read. */
class FairTimers implements Clock {
  /** Due, and not called for lack of time; first in, first out. Those in front of `head` have been called. */
  private waiting: Timer[] = [];
  private head = 0;
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
    if (this.waiting.length > 0 || now - this.turnMs > BUDGET_MS) this.waiting.push(timer);
    else timer.callback();
  };

  /** What has come was read meanwhile. */
  private readonly onTurn = (): void => {
    this.turnMs = undefined;
    if (this.waiting.length === 0) return;
    const start = performance.now();
    try {
      while (this.head < this.waiting.length && performance.now() - start <= BUDGET_MS) {
        const timer = this.waiting[this.head++]!;
        if (!timer.cancelled) timer.callback();
      }
    } finally {
      this.dropCalled();
      if (this.waiting.length > 0) {
        this.turnMs = start;
        setImmediate(this.onTurn);
      }
    }
  };

  /** Half of them at the least: a backlog is not copied at every turn. */
  private dropCalled(): void {
    if (2 * this.head < this.waiting.length) return;
    this.waiting = this.waiting.slice(this.head);
    this.head = 0;
  }
}

const TIMERS = new FairTimers();

/** The real clock: `performance.now()` and unreferenced timers, so that a timer alone keeps no process alive. */
export function systemClock(): Clock {
  return TIMERS;
}

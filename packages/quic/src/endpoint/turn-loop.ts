import type { Clock, TimerHandle } from '@kwik/wire';
import { DeadlineHeap, type HeapItem } from './deadline-heap.js';

/** Turns may take so long in one turn of Node's loop, milliseconds; the rest wait until what has come was read. */
const BUDGET_MS = 2;
/** Deadlines that are looked after at once. */
const MAX_EXPIRED = 16;

/** What the loop drives. `deadlineMs` and `heapIndex` belong to the loop's heap, `waiting` to the loop. */
export interface TurnTaker extends HeapItem {
  waiting: boolean;
  expire(now: number): void;
  turn(now: number): void;
  nextDeadlineMs(): number;
}

/**
 * Gives every connection that has something to do one turn per turn of Node's loop: what arrived in one poll of the
 * socket is processed together and answered once. One timer serves all deadlines.
 */
export class TurnLoop<T extends TurnTaker> {
  private list: T[] = [];
  private spare: T[] = [];
  private scheduled = false;
  private stopped = false;
  private timer: TimerHandle | undefined;
  private timerMs = Infinity;
  private readonly deadlines = new DeadlineHeap<T>();

  constructor(
    private readonly clock: Clock,
    private readonly afterTurn: (taker: T) => void,
    private readonly onError: (taker: T, error: unknown) => void,
  ) {}

  /** A turn soon, never at once. */
  wake(taker: T): void {
    if (taker.waiting || this.stopped) return;
    taker.waiting = true;
    this.list.push(taker);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.run);
  }

  /** A turn at `dueMs`, or soon if that is not later than `now`. */
  wakeBy(taker: T, dueMs: number, now: number): void {
    if (taker.waiting || this.stopped) return;
    if (dueMs <= now) {
      this.wake(taker);
      return;
    }
    if (taker.heapIndex >= 0 && taker.deadlineMs <= dueMs) return;
    this.deadlines.set(taker, dueMs);
    this.arm();
  }

  forget(taker: T): void {
    this.deadlines.remove(taker);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private readonly run = (): void => {
    this.scheduled = false;
    const now = this.clock.now();
    const list = this.list;
    this.list = this.spare;
    let taken = 0;
    while (taken < list.length && (taken === 0 || this.clock.now() - now <= BUDGET_MS)) this.take(list[taken++]!, now);
    this.putBack(list, taken);
    list.length = 0;
    this.spare = list;
    this.arm();
  };

  /** Those that had no turn are the first to have the next. */
  private putBack(list: readonly T[], taken: number): void {
    if (taken === list.length) return;
    this.list = [...list.slice(taken), ...this.list];
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.run);
  }

  private take(taker: T, now: number): void {
    taker.waiting = false;
    try {
      taker.turn(now);
    } catch (error) {
      this.onError(taker, error);
    }
    const deadline = taker.nextDeadlineMs();
    if (deadline === Infinity) this.deadlines.remove(taker);
    else this.deadlines.set(taker, deadline);
    this.afterTurn(taker);
  }

  private arm(): void {
    const earliest = this.deadlines.earliest();
    // A timer that is too early fires for nothing; that is cheaper than moving it at every turn.
    if (earliest === undefined || earliest >= this.timerMs || this.stopped) return;
    this.timer?.cancel();
    this.timerMs = earliest;
    this.timer = this.clock.schedule(Math.max(0, earliest - this.clock.now()), this.onTimer);
  }

  private readonly onTimer = (): void => {
    this.timerMs = Infinity;
    if (this.stopped) return;
    const now = this.clock.now();
    for (let expired = 0; expired < MAX_EXPIRED; expired += 1) {
      const due = this.deadlines.popDue(now);
      if (due === undefined) break;
      due.expire(now);
      if (due.waiting) continue;
      due.waiting = true;
      this.list.push(due);
    }
    this.run();
  };
}

import type { Clock } from '@kwik/wire';
import { Backlog } from './backlog.js';

/** Milliseconds in one turn of Node's loop; who is left waits until what has come was read. */
const BUDGET_MS = 2;

/** Takes one step for each who is in its list, in the order in which they came. */
export class TurnRound<T> {
  private readonly backlog = new Backlog<T>();

  constructor(
    private readonly clock: Clock,
    private readonly step: (taker: T, now: number) => void,
  ) {}

  add(taker: T): void {
    this.backlog.add(taker);
  }

  /** For those who are there now. False when time was up before all had theirs; they are the first to have the next. */
  run(): boolean {
    const start = this.clock.now();
    for (let left = this.backlog.size, first = true; left > 0; left -= 1, first = false) {
      if (!first && this.clock.now() - start > BUDGET_MS) return false;
      this.step(this.backlog.take()!, start);
    }
    return true;
  }
}

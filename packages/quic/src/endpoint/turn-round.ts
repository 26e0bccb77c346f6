import type { Clock } from '@kwik/wire';
import { Backlog } from './backlog.js';

/** What one who takes part has used of the processor. */
interface ProcessorUse {
  /** Others want the processor, and this one has had more than its share. */
  overShare(now: number): boolean;
  /** Its step took `ms`. */
  charge(ms: number, now: number): void;
}

export interface RoundMember {
  readonly processor: ProcessorUse;
}

/** Takes one step for each who is in its list, in the order in which they came; who is over its share, after the others. */
export class TurnRound<T extends RoundMember> {
  private readonly backlog = new Backlog<T>();
  /** Over their share. */
  private readonly behind = new Backlog<T>();

  constructor(
    private readonly clock: Clock,
    private readonly step: (taker: T, now: number) => void,
  ) {}

  add(taker: T): void {
    this.backlog.add(taker);
  }

  /**
   * For those who are there now, until `budgetMs` are over; who is over its share has none while `isBusy`: more has come
   * than was read. False when some are left; they are the first to have the next.
   */
  run(isBusy: boolean, budgetMs: number): boolean {
    const start = this.clock.now();
    const untilMs = start + budgetMs;
    // Whether they still are over their share is seen when it is their turn.
    for (let left = this.behind.size; left > 0; left -= 1) this.add(this.behind.take()!);
    let now = start;
    for (let left = this.backlog.size; left > 0; left -= 1) {
      if (now !== start && now > untilMs) return false;
      const taker = this.backlog.take()!;
      if (taker.processor.overShare(now)) this.behind.add(taker);
      else now = this.give(taker, now);
    }
    if (isBusy) return this.behind.size === 0;
    for (let left = this.behind.size; left > 0; left -= 1) {
      if (now !== start && now > untilMs) return false;
      now = this.give(this.behind.take()!, now);
    }
    return true;
  }

  /** The time after it. */
  private give(taker: T, now: number): number {
    this.step(taker, now);
    const end = this.clock.now();
    taker.processor.charge(end - now, end);
    return end;
  }
}

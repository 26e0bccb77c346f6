import type { Clock } from '@kwik/wire';
import { Backlog } from './backlog.js';

/** What one who takes part has used of the processor. */
interface ProcessorUse {
  /** 0: it has its turn at once; others go after those, in this order, for they have had more than their share. */
  rank(now: number): 0 | 1 | 2;
  /** Its step took `ms`. */
  charge(ms: number, now: number): void;
}

export interface RoundMember {
  readonly processor: ProcessorUse;
}

/** Takes one step for each who is in its list, in the order in which they came; who is over its share, after the others. */
export class TurnRound<T extends RoundMember> {
  private readonly backlog = new Backlog<T>();
  /** Over their share, by rank. */
  private readonly behind = [new Backlog<T>(), new Backlog<T>()] as const;

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
    for (const list of this.behind) for (let left = list.size; left > 0; left -= 1) this.add(list.take()!);
    let now = start;
    for (let left = this.backlog.size; left > 0; left -= 1) {
      if (now !== start && now > untilMs) return false;
      const taker = this.backlog.take()!;
      const rank = taker.processor.rank(now);
      if (rank === 0) now = this.give(taker, now);
      else this.behind[rank - 1]!.add(taker);
    }
    if (isBusy) return this.behind.every(({ size }) => size === 0);
    for (const list of this.behind) {
      for (let left = list.size; left > 0; left -= 1) {
        if (now !== start && now > untilMs) return false;
        now = this.give(list.take()!, now);
      }
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

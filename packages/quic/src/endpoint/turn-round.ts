import type { Clock } from '@kwik/wire';
import { Backlog } from './backlog.js';

/** Milliseconds in one turn of Node's loop; who is left waits until what has come was read. */
const BUDGET_MS = 2;

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
   * For those who are there now; who is over its share has none while `isBusy`: more has come than was read. False when
   * some are left; they are the first to have the next.
   */
  run(isBusy: boolean): boolean {
    const start = this.clock.now();
    this.sort(start);
    return this.runAll(this.backlog, start, start) && (isBusy ? this.behind.size === 0 : this.runBehind(start));
  }

  private runBehind(start: number): boolean {
    return this.behind.size === 0 || this.runAll(this.behind, start, this.clock.now());
  }

  private sort(now: number): void {
    for (let left = this.behind.size; left > 0; left -= 1) this.add(this.behind.take()!);
    for (let left = this.backlog.size; left > 0; left -= 1) {
      const taker = this.backlog.take()!;
      if (taker.processor.overShare(now)) this.behind.add(taker);
      else this.backlog.add(taker);
    }
  }

  /** `start`: of the round, whose time all have in common. */
  private runAll(list: Backlog<T>, start: number, begin: number): boolean {
    let now = begin;
    for (let left = list.size; left > 0; left -= 1) {
      if (now !== start && now - start > BUDGET_MS) return false;
      const taker = list.take()!;
      this.step(taker, now);
      const end = this.clock.now();
      taker.processor.charge(end - now, end);
      now = end;
    }
    return true;
  }
}

import type { Clock } from '@kwik/wire';

/** Milliseconds in one turn of Node's loop; who is left waits until what has come was read. */
const BUDGET_MS = 2;

/** Takes one step for each who is in its list, in the order in which they came. */
export class TurnRound<T> {
  private list: T[] = [];
  private spare: T[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly step: (taker: T, now: number) => void,
  ) {}

  add(taker: T): void {
    this.list.push(taker);
  }

  /** False when time was up before all had theirs; those are the first to have the next. */
  run(): boolean {
    const start = this.clock.now();
    const list = this.list;
    this.list = this.spare;
    let taken = 0;
    while (taken < list.length && (taken === 0 || this.clock.now() - start <= BUDGET_MS)) {
      this.step(list[taken++]!, start);
    }
    const all = taken === list.length;
    if (!all) this.list = [...list.slice(taken), ...this.list];
    list.length = 0;
    this.spare = list;
    return all;
  }
}

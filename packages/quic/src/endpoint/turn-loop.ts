import type { Clock, TimerHandle } from '@kwik/wire';
import { DeadlineHeap, type HeapItem } from './deadline-heap.js';
import { type RoundMember, TurnRound } from './turn-round.js';

/** Deadlines that are looked after at once, however little time there is. */
const LEAST_EXPIRED = 16;
/** Milliseconds for each half of a turn; who is left waits until what has come was read. */
const HALF_TURN_MS = 2;
/** Where reading takes longer, so may half a turn, up to this. */
const MAX_HALF_TURN_MS = 50;

/** How fast what users do with what they are told is learned. */
const TELLING_GAIN = 1 / 4;

/** What all loops of a process together have spent on turns. */
export class TurnTime {
  ms = 0;
}

/** What the loop asks of the socket, and of the process. */
export interface TurnInput {
  /** Datagrams that were read, ever. */
  received(): number;
  /** Datagrams that are read before others have a turn, at most: then there may be more. */
  readonly readsAtOnce: number;
  readonly turnTime: TurnTime;
}

/** What the loop drives. `deadlineMs` and `heapIndex` belong to the loop's heap, `waiting` and `answering` to the loop. */
export interface TurnTaker extends HeapItem, RoundMember {
  /** For the first half of a turn. */
  waiting: boolean;
  /** For the second half. */
  answering: boolean;
  /** It has received something that it has not acknowledged, and could. */
  readonly owesAcknowledgement: boolean;
  expire(now: number): void;
  /** The first half: tells what came. */
  deliver(now: number): void;
  /** The second half: sends what there is to be sent. */
  transmit(now: number): void;
  nextDeadlineMs(): number;
}

/**
 * Gives every connection that has something to do one turn per turn of Node's loop: what arrived in one poll of the
 * socket is processed together and answered once. Between the halves of a turn promises settle, so that what an
 * application says to what it is told goes into the same packet as the acknowledgement. One timer serves all deadlines.
 */
export class TurnLoop<T extends TurnTaker> {
  private readonly deliveries: TurnRound<T>;
  private readonly transmissions: TurnRound<T>;
  private scheduled = false;
  private stopped = false;
  private receivedBefore = 0;
  /** Some of those who waited for the first half were left to the next turn. */
  private behind = false;
  /** When a turn ended that left somebody to the next one, as `elsewhereMs`. */
  private leftAtMs: number | undefined;
  private halfTurnMs = HALF_TURN_MS;
  /** When the first half of this turn began, and how long it took. */
  private tellingSinceMs = 0;
  private tellingMs = 0;
  /** Of the time between the beginnings of both halves, what the first one takes; the rest is what users do with what they were told. */
  private tellingShare = 1;
  private timer: TimerHandle | undefined;
  private timerMs = Infinity;
  private readonly deadlines = new DeadlineHeap<T>();

  constructor(
    private readonly clock: Clock,
    private readonly input: TurnInput,
    /** Many connections have had half of their turn. */
    private readonly afterRound: () => void,
    private readonly afterTurn: (taker: T) => void,
    private readonly onError: (taker: T, error: unknown) => void,
  ) {
    this.deliveries = new TurnRound(clock, (taker, now) => this.deliver(taker, now));
    this.transmissions = new TurnRound(clock, (taker, now) => this.transmit(taker, now));
  }

  /** A turn soon, never at once. */
  wake(taker: T): void {
    if (this.stopped) return;
    this.acknowledgeFirst(taker);
    if (taker.waiting) return;
    taker.waiting = true;
    this.deliveries.add(taker);
    this.schedule();
  }

  /** A turn at `dueMs`, or soon if that is not later than `now`, or where others wait already. */
  wakeBy(taker: T, dueMs: number, now: number): void {
    if (taker.waiting || this.behind || dueMs <= now) {
      this.wake(taker);
      return;
    }
    if (this.stopped) return;
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

  /**
   * What a user does with what came may take long, and others wait for it; that it came is said at once, or their peers would take
   * this end for lost, and send everything again.
   */
  private acknowledgeFirst(taker: T): void {
    if (!this.behind || taker.answering || !taker.owesAcknowledgement) return;
    taker.answering = true;
    this.transmissions.add(taker);
    this.schedule();
  }

  /** Both halves, with nothing but microtasks in between. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.onDeliveries);
    setImmediate(this.onTransmissions);
  }

  private readonly onDeliveries = (): void => {
    this.scheduled = false;
    const received = this.input.received();
    const isBusy = received - this.receivedBefore >= this.input.readsAtOnce;
    this.receivedBefore = received;
    this.halfTurnMs = this.fairHalfMs();
    this.tellingSinceMs = this.clock.now();
    const firstHalfMs = Math.max(HALF_TURN_MS, this.halfTurnMs * this.tellingShare);
    this.behind = !this.run(this.deliveries, isBusy, firstHalfMs);
    this.tellingMs = this.clock.now() - this.tellingSinceMs;
  };

  private readonly onTransmissions = (): void => {
    this.learnTelling();
    this.run(this.transmissions, false, this.halfTurnMs);
    this.leftAtMs = this.scheduled ? this.elsewhereMs() : undefined;
  };

  /** Promises have settled since the first half. */
  private learnTelling(): void {
    const wholeMs = this.clock.now() - this.tellingSinceMs;
    if (wholeMs <= HALF_TURN_MS) return;
    this.tellingShare += TELLING_GAIN * (this.tellingMs / wholeMs - this.tellingShare);
  }

  /** False when some are left. */
  private run(half: TurnRound<T>, isBusy: boolean, budgetMs: number): boolean {
    const startMs = this.clock.now();
    const isWhole = half.run(isBusy, budgetMs);
    if (!isWhole) this.schedule();
    this.afterRound();
    this.input.turnTime.ms += this.clock.now() - startMs;
    return isWhole;
  }

  /** The time, had there been no turns. */
  private elsewhereMs(): number {
    return this.clock.now() - this.input.turnTime.ms;
  }

  /**
   * As much as was spent since the last turn on anything but turns: on reading, above all. With a fixed time a process that gets little of the processor, or
   * whose peers send everything again, would do nothing but read: receive livelock (Mogul and Ramakrishnan 1997).
   */
  private fairHalfMs(): number {
    if (this.leftAtMs === undefined) return HALF_TURN_MS;
    return Math.min(MAX_HALF_TURN_MS, Math.max(HALF_TURN_MS, this.elsewhereMs() - this.leftAtMs));
  }

  private deliver(taker: T, now: number): void {
    taker.waiting = false;
    try {
      taker.deliver(now);
    } catch (error) {
      this.onError(taker, error);
    }
    if (taker.answering) return;
    taker.answering = true;
    this.transmissions.add(taker);
  }

  private transmit(taker: T, now: number): void {
    taker.answering = false;
    try {
      taker.transmit(now);
    } catch (error) {
      this.onError(taker, error);
    }
    // Who waits for the first half has another turn anyway.
    if (taker.waiting) return;
    const deadline = taker.nextDeadlineMs();
    if (deadline === Infinity) this.deadlines.remove(taker);
    else this.deadlines.set(taker, deadline);
    this.afterTurn(taker);
    this.arm();
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
    for (let expired = 0; expired < LEAST_EXPIRED || this.clock.now() - now < this.halfTurnMs; expired += 1) {
      const due = this.deadlines.popDue(now);
      if (due === undefined) break;
      due.expire(now);
      this.wake(due);
    }
    this.arm();
  };
}

import {
  type BegunDial,
  type DialChange,
  type DialHold,
  type DialOutcome,
  type DialPolicy,
  dialKey,
  type WantedDial,
} from '@kwik/paths';
import { KwikError, type Clock, type TimerHandle } from '@kwik/wire';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import { earlierTime } from '../../runtime/waiting/earlier-time.js';

/** Dials that wait at once, of all sessions of the process. */
const MAX_WAITING = 65_536;

const WHY: Readonly<Record<DialHold, string>> = {
  breaker: 'it waits while another dial finds out whether the server, which did not answer, does so again',
  network: 'it waits while another dial finds out whether the network here, where no server answered, is back',
  budget: 'it waits because retries are at most a tenth of what this process dials, and 10 a second besides',
};

/** How one dial waits for its turn. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined;
  /** Rejects when its turn has not come by then. Absent: it waits as long as the signal lets it. */
  readonly untilMs?: number | undefined;
  /**
   * There is another address to go to: it rejects when it has to wait longer than this for a server or the network to answer,
   * milliseconds. For its share of the retries it waits as ever. Absent: it waits.
   */
  readonly elsewhereAfterMs?: number | undefined;
  /** Told once, when it has to wait, why: in kind, and in words. */
  readonly onHeld?: ((why: DialHold, text: string) => void) | undefined;
}

interface Waiter {
  wanted: WantedDial;
  /** Why it had to wait when it came. */
  why: DialHold | undefined;
  gone: boolean;
  readonly go: (begun: BegunDial) => void;
}

/** The dials of one server that wait: those that are retries cannot keep those that are none from going. */
interface Queue {
  readonly first: Set<Waiter>;
  readonly again: Set<Waiter>;
  /** Why the retries wait. */
  why: DialHold | undefined;
  /** They waited for the budget before they had to wait for the network. */
  owes: boolean;
}

/** Which dials may be made, and when. */
type DialRules = Pick<DialPolicy, 'hold' | 'begin' | 'end'>;

/**
 * All dials of the sessions of a process pass here, each when the policy of the process lets it. One that has to wait is not dropped:
 * it goes when its time comes, or when another dial finds that the server answers.
 */
export class DialGate {
  readonly #clock: Clock;
  readonly #policy: DialRules;
  readonly #queues = new Map<string, Queue>();
  readonly #timer: DueTimer;
  #waiting = 0;
  #wakesAtMs: number | undefined;

  constructor(clock: Clock, policy: DialRules) {
    this.#clock = clock;
    this.#policy = policy;
    this.#timer = new DueTimer(clock, () => this.#pump());
  }

  /** Dials that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves when the dial may be made; its outcome must be told to `end`. Rejects with ERR_KWIK_ABORTED, with
   * ERR_KWIK_TIMEOUT when its turn has not come in time, and with ERR_KWIK_LIMIT_EXCEEDED when it has to wait and too many do.
   */
  enter(wanted: WantedDial, waiting: Waiting = {}): Promise<BegunDial> {
    if (this.#waiting >= MAX_WAITING && this.#policy.hold(wanted, this.#clock.now()) !== undefined) {
      const text = `${MAX_WAITING} dials of this process wait already: open fewer sessions at once`;
      return Promise.reject(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', text));
    }
    if (waiting.signal?.aborted === true) return Promise.reject(abortedBy(waiting.signal));
    return new Promise((resolve, reject) => this.#wait(wanted, waiting, resolve, reject));
  }

  /** What came of a dial. */
  end(begun: BegunDial, outcome: DialOutcome): DialChange | undefined {
    const change = this.#policy.end(begun, outcome, this.#clock.now());
    if (change !== undefined) this.#changed(change, dialKey(begun));
    // What becomes of a trial for all of them concerns all; anything else, the one server.
    if (begun.epochs.network !== undefined || change === 'network-lost' || change === 'network-back') this.#pump();
    else this.#serve(dialKey(begun));
    return change;
  }

  #wait(
    wanted: WantedDial,
    waiting: Waiting,
    resolve: (begun: BegunDial) => void,
    reject: (error: KwikError) => void,
  ): void {
    const { signal } = waiting;
    const leave = (error: KwikError): void => {
      if (!this.#remove(waiter)) return;
      forget();
      if (this.#waiting === 0) this.#wakeAt(undefined);
      reject(error);
    };
    const onAbort = (): void => leave(abortedBy(signal!));
    let timer: TimerHandle | undefined;
    const forget = (): void => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const waiter: Waiter = {
      wanted,
      why: undefined,
      gone: false,
      go: (begun) => {
        forget();
        resolve(begun);
      },
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#add(waiter);
    this.#serve(dialKey(wanted));
    if (waiter.gone) return;
    const now = this.#clock.now();
    const why = this.#policy.hold(wanted, now)?.why;
    const untilMs = latestMs(waiting, why, now);
    if (untilMs !== undefined) {
      timer = this.#clock.schedule(Math.max(0, untilMs - now), () => leave(tooLate(waiter)));
    }
    if (why === undefined) return;
    waiter.why = why;
    waiting.onHeld?.(why, WHY[why]);
  }

  #add(waiter: Waiter): void {
    const { again } = waiter.wanted;
    const key = dialKey(waiter.wanted);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { first: new Set(), again: new Set(), why: undefined, owes: false };
      this.#queues.set(key, queue);
    }
    queue[again ? 'again' : 'first'].add(waiter);
    this.#waiting += 1;
  }

  #remove(waiter: Waiter): boolean {
    const key = dialKey(waiter.wanted);
    const queue = this.#queues.get(key);
    if (queue === undefined || !(queue.first.delete(waiter) || queue.again.delete(waiter))) return false;
    waiter.gone = true;
    this.#waiting -= 1;
    if (queue.first.size + queue.again.size === 0) this.#queues.delete(key);
    return true;
  }

  #changed(change: DialChange, key: string): void {
    if (change === 'closed') this.#freshen(this.#queues.get(key));
    for (const queue of this.#queues.values()) {
      if (change === 'network-lost') queue.owes ||= queue.why === 'budget';
      if (change === 'network-back') this.#freshen(queue);
    }
  }

  /** Those who waited for a server have dialled nothing, and it is known to answer now: these are no retries. */
  #freshen(queue: Queue | undefined): void {
    if (queue === undefined || queue.owes || queue.why === 'budget') return;
    for (const waiter of queue.again) {
      waiter.wanted = { ...waiter.wanted, again: false };
      queue.first.add(waiter);
    }
    queue.again.clear();
  }

  #pump(): void {
    this.#wakeAt(undefined);
    for (const key of [...this.#queues.keys()]) this.#serve(key);
  }

  /** Lets those go that may. The server comes last the next time, so that each gets its share of a trial or of the budget. */
  #serve(key: string): void {
    const queue = this.#queues.get(key);
    if (queue === undefined) return;
    let went = false;
    for (const waiters of [queue.first, queue.again]) {
      for (const waiter of waiters) {
        queue.why = this.#holds(waiter);
        if (queue.why !== undefined) break;
        went = true;
      }
    }
    if (queue.first.size + queue.again.size === 0) {
      if (this.#waiting === 0) this.#wakeAt(undefined);
      return;
    }
    if (went && this.#queues.delete(key)) this.#queues.set(key, queue);
  }

  /** Lets it go, or says why it has to wait, and comes back to it in time. */
  #holds(waiter: Waiter): DialHold | undefined {
    const now = this.#clock.now();
    const hold = this.#policy.hold(waiter.wanted, now);
    if (hold !== undefined) {
      this.#wakeAt(earlierTime(this.#wakesAtMs, hold.untilMs));
      return hold.why;
    }
    this.#remove(waiter);
    waiter.go(this.#policy.begin(waiter.wanted, now));
    return undefined;
  }

  #wakeAt(atMs: number | undefined): void {
    if (atMs === this.#wakesAtMs) return;
    this.#wakesAtMs = atMs;
    this.#timer.set(atMs);
  }
}

/** When it gives up waiting; undefined: it does not. */
function latestMs({ untilMs, elsewhereAfterMs }: Waiting, why: DialHold | undefined, now: number): number | undefined {
  if (elsewhereAfterMs === undefined || why === 'budget') return untilMs;
  return earlierTime(untilMs, now + elsewhereAfterMs);
}

function abortedBy(signal: AbortSignal): KwikError {
  return new KwikError('ERR_KWIK_ABORTED', 'the dial was given up before its turn came', { cause: signal.reason });
}

function tooLate({ wanted: { address }, why = 'breaker' }: Waiter): KwikError {
  return new KwikError('ERR_KWIK_TIMEOUT', `${address} was not dialled in time: ${WHY[why]}`);
}

import type { PolicyBound } from '@kwik/wire';

/** When a server is not dialled for a while, and how it is tried then. */
export interface BreakerPolicy {
  /** It opens after so many dials in a row that reached nobody. */
  readonly failuresInRow: number;
  /** Or when this share of the dials of the last one or two windows failed, if there were so many. */
  readonly failureRatio: number;
  readonly leastDials: number;
  readonly windowMs: number;
  /** How long it stays open, milliseconds: at first, and at the most; each trial that fails doubles it. */
  readonly firstOpenMs: number;
  readonly maxOpenMs: number;
  /** A trial that has no outcome by then lets another one begin. */
  readonly trialMs: number;
}

/**
 * A second at the most: a session that lost all its paths is to find its server within about one second of its return, and one
 * dial a second by a whole process burdens no server.
 */
export const SERVER_BREAKER: BreakerPolicy = {
  failuresInRow: 5,
  failureRatio: 0.5,
  leastDials: 20,
  windowMs: 5000,
  firstOpenMs: 500,
  maxOpenMs: 1000,
  trialMs: 1000,
};

/** At once after a trial that succeeded; twice as many with each further success, and without a bound from here on. */
const FIRST_AFTER_TRIAL = 2;
const MOST_AFTER_TRIAL = 64;

/**
 * `closed`: dials go out. `open`: none does. `half-open`: one at a time does, as a trial. The first that reaches the server
 * closes it.
 */
export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * Keeps many who want the same server from dialling it again and again while it does not answer: one of them tries, the others
 * wait for what becomes of that. Sans-IO, `now` in milliseconds on any clock that only goes forward.
 *
 * Calling contract: where `waitUntilMs` says nothing, `begin`, and hand the number that it returns to one of `reached`,
 * `unreachable` and `unclear`.
 */
export class CircuitBreaker {
  readonly #policy: BreakerPolicy;
  readonly #random: () => number;
  #state: BreakerState = 'closed';
  /** Dials that began in an earlier state say nothing against the server as it is now. */
  #epoch = 0;
  #failuresInRow = 0;
  readonly #window: OutcomeWindow;
  #openMs: number;
  #openUntilMs = 0;
  /** Of this epoch, and when the latest of them lets another one begin. */
  #underWay = 0;
  #letsBeginMs = 0;
  /** How many may be under way at once, for a while after a trial succeeded. */
  #most = Infinity;
  #cause: PolicyBound;

  /** @param random 0 <= random() < 1; processes that lost a server together are not to try it together */
  constructor(random: () => number, policy: BreakerPolicy = SERVER_BREAKER) {
    this.#random = random;
    this.#policy = policy;
    this.#window = new OutcomeWindow(policy.windowMs);
    this.#openMs = policy.firstOpenMs;
    this.#cause = inRow(policy, 0);
  }

  /** What it opened for the last time that it was closed. */
  get cause(): PolicyBound {
    return this.#cause;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Nothing is to be remembered of it. */
  get spotless(): boolean {
    return this.#state === 'closed' && this.#failuresInRow === 0 && this.#most === Infinity && this.#window.spotless;
  }

  /** When a dial is to ask again, at the latest; undefined: it may begin. */
  waitUntilMs(now: number): number | undefined {
    if (this.#state === 'open') return now < this.#openUntilMs ? this.#openUntilMs : undefined;
    const most = this.#state === 'half-open' ? 1 : this.#most;
    return this.#underWay >= most && now < this.#letsBeginMs ? this.#letsBeginMs : undefined;
  }

  /** A dial begins. Returns what its outcome is told with. */
  begin(now: number): number {
    if (this.#state === 'open') this.#enter('half-open');
    this.#underWay += 1;
    this.#letsBeginMs = now + this.#policy.trialMs;
    return this.#epoch;
  }

  /** The server answered. True when that closed the breaker: those who wait may go, as first attempts. */
  reached(now: number, epoch: number): boolean {
    this.#failuresInRow = 0;
    this.#window.add(now, true);
    if (this.#state !== 'closed') {
      this.close();
      return true;
    }
    if (this.#left(epoch)) this.#most = this.#most >= MOST_AFTER_TRIAL ? Infinity : this.#most * 2;
    return false;
  }

  /** Nobody answered. True when that opened the breaker. */
  unreachable(now: number, epoch: number): boolean {
    if (!this.#left(epoch)) return false;
    this.#failuresInRow += 1;
    this.#window.add(now, false);
    if (this.#state === 'closed') {
      const cause = this.#tooMuch(now);
      if (cause === undefined) return false;
      this.#cause = cause;
    }
    const again = this.#state === 'half-open';
    this.open(now);
    this.#openMs = Math.min(this.#policy.maxOpenMs, again ? this.#openMs * 2 : this.#openMs);
    return true;
  }

  /** The dial was given up, or came to an end that says nothing of whether the server answers. */
  unclear(epoch: number): void {
    this.#left(epoch);
  }

  /** None is dialled for a while, then one. */
  open(now: number): void {
    this.#enter('open');
    this.#openUntilMs = now + this.#openMs * (1 / 2 + this.#random() / 2);
  }

  /** What was learned is forgotten, but that those who waited come one after another. */
  close(): void {
    this.#enter('closed');
    this.#failuresInRow = 0;
    this.#window.clear();
    this.#openMs = this.#policy.firstOpenMs;
    this.#most = FIRST_AFTER_TRIAL;
  }

  #tooMuch(now: number): PolicyBound | undefined {
    const { failuresInRow, failureRatio, leastDials } = this.#policy;
    if (this.#failuresInRow >= failuresInRow) return inRow(this.#policy, this.#failuresInRow);
    const { dials, failures } = this.#window.sums(now);
    if (dials < leastDials || failures < dials * failureRatio) return undefined;
    return { name: 'share of dials that reached nobody', limit: failureRatio, value: failures / dials };
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#epoch += 1;
    this.#underWay = 0;
    this.#most = Infinity;
  }

  /** A dial of this epoch is over. False for one of an earlier epoch. */
  #left(epoch: number): boolean {
    if (epoch !== this.#epoch) return false;
    this.#underWay = Math.max(0, this.#underWay - 1);
    return true;
  }
}

function inRow({ failuresInRow }: BreakerPolicy, value: number): PolicyBound {
  return { name: 'dials in a row that reached nobody', limit: failuresInRow, value };
}

/** Outcomes of the window that runs, and of the one before. */
class OutcomeWindow {
  readonly #windowMs: number;
  #startMs = 0;
  #now = { dials: 0, failures: 0 };
  #before = { dials: 0, failures: 0 };

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get spotless(): boolean {
    return this.#now.failures + this.#before.failures === 0;
  }

  add(now: number, answered: boolean): void {
    this.#turn(now);
    this.#now.dials += 1;
    if (!answered) this.#now.failures += 1;
  }

  sums(now: number): { readonly dials: number; readonly failures: number } {
    this.#turn(now);
    return {
      dials: this.#now.dials + this.#before.dials,
      failures: this.#now.failures + this.#before.failures,
    };
  }

  clear(): void {
    this.#now = { dials: 0, failures: 0 };
    this.#before = { dials: 0, failures: 0 };
  }

  #turn(now: number): void {
    const windows = Math.floor((now - this.#startMs) / this.#windowMs);
    if (windows <= 0) return;
    this.#before = windows === 1 ? this.#now : { dials: 0, failures: 0 };
    this.#now = { dials: 0, failures: 0 };
    this.#startMs += windows * this.#windowMs;
  }
}

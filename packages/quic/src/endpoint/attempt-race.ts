import { KwikError, type Clock, type TimerHandle } from '@kwik/wire';

/** Attempts at the same thing, of which the first that comes through is wanted. */
export interface AttemptRace<A, T> {
  /** In the order in which they begin; one at least. */
  readonly candidates: readonly A[];
  readonly clock: Clock;
  /** Gives up the whole race. */
  readonly signal?: AbortSignal | undefined;
  /** How long the `started`-th attempt is alone before the next begins; a failed one makes room at once. */
  delayMs(started: number): number;
  /** `signal` is aborted when the attempt is of no use any more; it must reject then. */
  attempt(candidate: A, signal: AbortSignal): Promise<T>;
  /** An attempt that came through after another one had won. */
  discard(value: T): void;
  /** What the race fails with after this failure, the newest of `failures`; undefined when others may do better. */
  verdict(error: KwikError, failures: ReadonlyMap<A, KwikError>): KwikError | undefined;
}

/** The first that comes through; the others are given up. */
export function raceAttempts<A, T>(race: AttemptRace<A, T>): Promise<T> {
  return new Promise((resolve, reject) => new Race(race, resolve, reject).next());
}

class Race<A, T> {
  private readonly losers = new AbortController();
  private readonly failures = new Map<A, KwikError>();
  private readonly signal: AbortSignal;
  private timer: TimerHandle | undefined;
  private started = 0;
  private over = false;

  constructor(
    private readonly race: AttemptRace<A, T>,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: KwikError) => void,
  ) {
    const { signal } = race;
    this.signal = signal === undefined ? this.losers.signal : AbortSignal.any([signal, this.losers.signal]);
  }

  next(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const candidate = this.race.candidates[this.started];
    if (candidate === undefined || this.over) return;
    this.started += 1;
    if (this.started < this.race.candidates.length) {
      this.timer = this.race.clock.schedule(this.race.delayMs(this.started), () => this.next());
    }
    this.race.attempt(candidate, this.signal).then(
      (value) => this.won(value),
      (error: unknown) => this.failed(candidate, KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED')),
    );
  }

  private won(value: T): void {
    if (this.over) {
      this.race.discard(value);
      return;
    }
    this.end();
    this.resolve(value);
  }

  private failed(candidate: A, error: KwikError): void {
    if (this.over) return;
    this.failures.set(candidate, error);
    const verdict = this.race.verdict(error, this.failures);
    if (verdict === undefined) {
      this.next();
      return;
    }
    this.end();
    this.reject(verdict);
  }

  private end(): void {
    this.over = true;
    this.timer?.cancel();
    this.losers.abort();
  }
}

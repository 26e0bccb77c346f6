import { KwikError, type Clock, type ErrorCode, type TimerHandle } from '@kwik/wire';

/** RFC 8305, section 5: the recommended Connection Attempt Delay. */
export const ATTEMPT_DELAY_MS = 250;

export interface AddressRace<A, T> {
  /** What is dialled, for messages. */
  readonly target: string;
  /** In the order in which they are tried; one at least. */
  readonly addresses: readonly A[];
  readonly clock: Clock;
  /** Gives up the whole race. */
  readonly signal?: AbortSignal | undefined;
  nameOf(address: A): string;
  /** `signal` is aborted when the attempt is of no use any more; it must reject then. */
  attempt(address: A, signal: AbortSignal | undefined): Promise<T>;
  /** An attempt that came through after another one had won. */
  discard(value: T): void;
}

/**
 * Happy Eyeballs (RFC 8305, section 5): the first address at once, each further one 250 ms after the one before, or as
 * soon as an attempt fails. The first that comes through wins and the others are given up. Rejects when all have failed,
 * with each address and its reason.
 */
export function raceAddresses<A, T>(race: AddressRace<A, T>): Promise<T> {
  const [only] = race.addresses;
  if (only !== undefined && race.addresses.length === 1) return race.attempt(only, race.signal);
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
    private readonly race: AddressRace<A, T>,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: KwikError) => void,
  ) {
    const { signal } = race;
    this.signal = signal === undefined ? this.losers.signal : AbortSignal.any([signal, this.losers.signal]);
  }

  next(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const address = this.race.addresses[this.started];
    if (address === undefined || this.over) return;
    this.started += 1;
    if (this.started < this.race.addresses.length) {
      this.timer = this.race.clock.schedule(ATTEMPT_DELAY_MS, () => this.next());
    }
    this.race.attempt(address, this.signal).then(
      (value) => this.won(value),
      (error: unknown) => this.failed(address, KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED')),
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

  private failed(address: A, error: KwikError): void {
    if (this.over) return;
    this.failures.set(address, error);
    const hopeless = OF_THE_CALL.includes(error.code);
    if (!hopeless && this.failures.size < this.race.addresses.length) {
      this.next();
      return;
    }
    this.end();
    this.reject(hopeless ? error : this.allFailed());
  }

  private end(): void {
    this.over = true;
    this.timer?.cancel();
    this.losers.abort();
  }

  private allFailed(): KwikError {
    const errors = [...this.failures.values()];
    const code = TELLING.find((one) => errors.some((error) => error.code === one)) ?? 'ERR_KWIK_CONNECT_FAILED';
    const each = this.race.addresses.map((address) => {
      return `${this.race.nameOf(address)}: ${this.failures.get(address)?.message ?? 'not tried'}`;
    });
    const text = `none of the ${each.length} addresses of ${this.race.target} can be reached. ${each.join('; ')}`;
    return new KwikError(code, text, { cause: errors[0] });
  }
}

/** Which of several reasons says most: a server that was there, then a machine that was. */
const TELLING: readonly ErrorCode[] = [
  'ERR_KWIK_CERTIFICATE',
  'ERR_KWIK_CONNECTION_REFUSED',
  'ERR_KWIK_CONNECT_FAILED',
  'ERR_KWIK_TIMEOUT',
];
/** What another address would not mend. */
const OF_THE_CALL: readonly ErrorCode[] = [
  'ERR_KWIK_ABORTED',
  'ERR_KWIK_CREDENTIALS',
  'ERR_KWIK_INVALID_STATE',
  'ERR_KWIK_LIMIT_EXCEEDED',
];

import { KwikError, type Clock, type ErrorCode } from '@kwik/wire';
import { raceAttempts } from './attempt-race.js';

/** RFC 8305, section 5: the recommended Connection Attempt Delay. */
const ATTEMPT_DELAY_MS = 250;

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
 * with each address and its reason; their errors are the `cause`, an AggregateError in the order of the addresses.
 */
export function raceAddresses<A, T>(race: AddressRace<A, T>): Promise<T> {
  const [only] = race.addresses;
  if (only !== undefined && race.addresses.length === 1) return race.attempt(only, race.signal);
  return raceAttempts({
    candidates: race.addresses,
    clock: race.clock,
    signal: race.signal,
    delayMs: () => ATTEMPT_DELAY_MS,
    attempt: (address, signal) => race.attempt(address, signal),
    discard: (value) => race.discard(value),
    verdict: (error, failures) => {
      if (OF_THE_CALL.includes(error.code)) return error;
      return failures.size === race.addresses.length ? allFailed(race, failures) : undefined;
    },
  });
}

function allFailed<A, T>(race: AddressRace<A, T>, failures: ReadonlyMap<A, KwikError>): KwikError {
  const errors = [...failures.values()];
  const code = TELLING.find((one) => errors.some((error) => error.code === one)) ?? 'ERR_KWIK_CONNECT_FAILED';
  const each = race.addresses.map(
    (address) => `${race.nameOf(address)}: ${failures.get(address)?.message ?? 'not tried'}`,
  );
  const text = `none of the ${each.length} addresses of ${race.target} can be reached. ${each.join('; ')}`;
  const inOrder = race.addresses.flatMap((address) => failures.get(address) ?? []);
  return new KwikError(code, text, { cause: new AggregateError(inOrder, text) });
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

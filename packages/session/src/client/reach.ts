import { raceAttempts } from '@kwik/quic';
import { KwikError, type Clock, type PathTransport } from '@kwik/wire';
import type { DialTarget } from '../api/options.js';
import { type AgainOptions, canConnectAgain, type ConnectOptions, type Connector } from './connector.js';

/**
 * QUIC repeats the first packet of a handshake after 1, 2 and 4 s: with a third of all packets lost that may take longer
 * than anybody waits. So an attempt that is not through by then is joined by a fresh one, which begins with short waits.
 */
const JOINED_AFTER_MS: readonly number[] = [1000, 1500, 2000, 2500];
export const ATTEMPTS: readonly number[] = JOINED_AFTER_MS.map((_, index) => index).concat(JOINED_AFTER_MS.length);

/**
 * A connection, by up to five attempts that run side by side: 1 s, 2.5 s, 4.5 s and 7 s after the first, each to the same
 * end. The first that is through is taken. An attempt that fails for another reason than time ends all of them.
 */
export function reach(
  connector: Connector,
  target: DialTarget,
  options: ConnectOptions,
  clock: Clock,
): Promise<PathTransport> {
  return race((own) => connector.connect(target, own), options, clock);
}

/** The same of another connection like one that is open. */
export function reachAgain(
  connector: Connector,
  like: PathTransport,
  options: AgainOptions,
  clock: Clock,
): Promise<PathTransport> {
  if (!canConnectAgain(connector)) {
    return Promise.reject(new KwikError('ERR_KWIK_UNSUPPORTED', 'connections here are not made again'));
  }
  const { anyKey } = options;
  return race((own) => connector.connectAgain(like, { ...own, anyKey }), options, clock);
}

function race(
  attempt: (options: ConnectOptions) => Promise<PathTransport>,
  options: ConnectOptions,
  clock: Clock,
): Promise<PathTransport> {
  const endMs = clock.now() + options.timeoutMs;
  return raceAttempts({
    candidates: ATTEMPTS,
    clock,
    signal: options.signal,
    delayMs: attemptDelayMs,
    attempt: (_, signal) => attempt({ ...options, signal, timeoutMs: leftMs(endMs, clock) }),
    discard: (transport) => transport.close(0, 'another attempt was faster'),
    verdict: (error) => error,
  });
}

/** How long after the last of `started` attempts the next one begins. */
export function attemptDelayMs(started: number): number {
  return JOINED_AFTER_MS[started - 1] ?? Infinity;
}

/** Whole milliseconds until `endMs`, at least one. */
export function leftMs(endMs: number, clock: Clock): number {
  return Math.max(1, Math.ceil(endMs - clock.now()));
}

import type { Session } from '../api/session.js';
import { engineOf } from './engine-of.js';

/** What sends within the call: the UDP sockets of the sessions. */
export interface Transmitter {
  transmitNow(): void;
}

/**
 * Ends sessions within the call, for a process that is about to end: what was written goes out, as far as the paths let it
 * at once, and then the peers are told.
 */
export function partNow(sessions: Iterable<Session>, transmitters: Iterable<Transmitter>): void {
  const all = [...sessions];
  for (const session of all) engineOf(session).runNow();
  for (const each of transmitters) each.transmitNow();
  for (const session of all) void session.close(0, 'the process ends', { timeoutMs: 0 });
  for (const each of transmitters) each.transmitNow();
}

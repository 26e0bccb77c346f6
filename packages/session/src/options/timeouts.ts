import type { TimeoutOptions } from '../api/options.js';

export type ResolvedTimeouts = Required<TimeoutOptions>;

const HANDSHAKE_MS = 10_000;
const IDLE_MS = 30_000;
/** Time for a send buffer of the default size over a slow path; less than a program's user waits for it to stop. */
const CLOSE_MS = 5000;

export function resolveTimeouts(timeouts: TimeoutOptions = {}): ResolvedTimeouts {
  const { handshakeMs = HANDSHAKE_MS, idleMs = IDLE_MS, closeMs = CLOSE_MS } = timeouts;
  return { handshakeMs, idleMs, recoveryMs: timeouts.recoveryMs ?? idleMs, closeMs };
}

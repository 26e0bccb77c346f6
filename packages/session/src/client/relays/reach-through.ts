import { raceAttempts } from '@kwik/quic';
import { KwikError, type Clock, type PathTransport } from '@kwik/wire';
import type { ConnectOptions, Connector } from '../connector.js';
import { ATTEMPTS, attemptDelayMs, leftMs } from '../reach.js';

/** What came through, and by which connection id the relay knows it. */
export interface ReachedThrough {
  readonly transport: PathTransport;
  readonly connectionId: Uint8Array;
}

/** Of all attempts that run side by side, each with a connection id of its own. */
export const RELAYED_ATTEMPTS = ATTEMPTS.length;

/** As `reach`, by way of a relay that forwards connections with these ids: one for each attempt. */
export function reachThrough(
  connector: Connector,
  relay: PathTransport,
  connectionIds: readonly Uint8Array[],
  options: ConnectOptions,
  clock: Clock,
): Promise<ReachedThrough> {
  const endMs = clock.now() + options.timeoutMs;
  if (connector.connectThrough === undefined) {
    return Promise.reject(new KwikError('ERR_KWIK_UNSUPPORTED', 'connections here do not go by way of relays'));
  }
  const connectThrough = connector.connectThrough.bind(connector);
  return raceAttempts({
    candidates: connectionIds,
    clock,
    signal: options.signal,
    delayMs: attemptDelayMs,
    attempt: async (connectionId, signal) => {
      const timeoutMs = leftMs(endMs, clock);
      return { connectionId, transport: await connectThrough(relay, connectionId, { ...options, signal, timeoutMs }) };
    },
    discard: ({ transport }) => transport.close(0, 'another attempt was faster'),
    verdict: (error) => error,
  });
}

import { raceAttempts } from '@kwik/quic';
import { KwikError, type Clock, type PathTransport } from '@kwik/wire';
import type { ConnectOptions, Connector } from '../connector.js';
import { ATTEMPTS, attemptDelayMs, leftMs } from '../reach.js';
import type { RelayLink } from './relay-link.js';

const CONNECTION_ID_BYTES = 8;
/** For a relay's answer: a name may have to be resolved there. */
export const RELAY_ANSWER_MS = 5000;

/** A connection by way of a relay. */
export interface ReachedThrough {
  readonly transport: PathTransport;
  /** To be called when the connection is closed: the relay forwards it until then. */
  readonly release: () => void;
}

export interface ThroughOptions extends ConnectOptions {
  /** The server at the other end, `host:port`; empty where the relay's token names it. */
  readonly anchor: string;
  readonly randomBytes: (bytes: number) => Uint8Array;
  /** How much longer than `timeoutMs` it may take because the relay has to answer first. Default: 0. */
  readonly forRelayMs?: number;
}

/**
 * As `reach`, by way of a relay: it is asked to forward one connection for each attempt, and has to forward no more than
 * the one that came through when that is known.
 */
export async function reachThrough(
  connector: Connector,
  relay: RelayLink,
  { anchor, randomBytes, forRelayMs = 0, ...options }: ThroughOptions,
  clock: Clock,
): Promise<ReachedThrough> {
  const { timeoutMs } = options;
  const endMs = clock.now() + forRelayMs + timeoutMs;
  const connectionIds = ATTEMPTS.map(() => randomBytes(CONNECTION_ID_BYTES));
  const close = (over: Uint8Array[]): void => {
    if (relay.alive) relay.close({ connectionIds: over });
  };
  try {
    await relay.open({ connectionIds, anchor }, forRelayMs + timeoutMs);
    const left = { ...options, timeoutMs: Math.min(timeoutMs, leftMs(endMs, clock)) };
    const { transport, connectionId } = await raceThrough(connector, relay.transport, connectionIds, left, clock);
    close(connectionIds.filter((id) => id !== connectionId));
    return { transport, release: () => close([connectionId]) };
  } catch (error) {
    close(connectionIds);
    throw error;
  }
}

function raceThrough(
  connector: Connector,
  relay: PathTransport,
  connectionIds: readonly Uint8Array[],
  options: ConnectOptions,
  clock: Clock,
): Promise<{ readonly transport: PathTransport; readonly connectionId: Uint8Array }> {
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

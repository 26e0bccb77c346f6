import { DEFAULT_LIMITS, type EndpointLimits } from '@kwik/quic';
import type { ListenerLimits } from '../api/options.js';

/** Some 42 kB each below the session, so some 400 MB. */
export const MAX_SESSIONS = 10_000;
/** Of the sessions, for one address or one /64 of IPv6. */
const SOURCE_SHARE = 1 / 4;
/** A session has one connection, and while its client changes networks a second one. */
const CONNECTIONS_PER_SESSION = 2;
/** What of a second's handshakes may come at once: clients that all lost their server come back together. */
const BURST_SECONDS = 2;

/** Connections that the listener's socket takes at once. */
export function maxConnections(limits: ListenerLimits = {}): number {
  return endpointLimits(limits).maxConnections ?? DEFAULT_LIMITS.maxConnections;
}

/** What the listener's socket lets in. */
export function endpointLimits(limits: ListenerLimits = {}): Partial<EndpointLimits> {
  const { maxSessions, maxConnectionsPerAddress, handshakesPerSecondPerAddress } = limits;
  return {
    ...(maxSessions !== undefined && {
      maxConnections: Math.max(DEFAULT_LIMITS.maxConnections, maxSessions * CONNECTIONS_PER_SESSION),
    }),
    ...(maxConnectionsPerAddress === undefined && {
      maxConnectionsFromOwnMachine: Math.max(DEFAULT_LIMITS.maxConnectionsFromOwnMachine, maxSessions ?? 0),
    }),
    maxConnectionsPerAddress: maxConnectionsPerAddress ?? Math.ceil(SOURCE_SHARE * (maxSessions ?? MAX_SESSIONS)),
    ...(handshakesPerSecondPerAddress !== undefined && {
      initialsPerSecondPerAddress: handshakesPerSecondPerAddress,
      initialsBurstPerAddress: handshakesPerSecondPerAddress * BURST_SECONDS,
    }),
  };
}

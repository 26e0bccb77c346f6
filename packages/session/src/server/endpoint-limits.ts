import { DEFAULT_LIMITS, type EndpointLimits } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { ListenOptions } from '../api/options.js';

/** V10.1. */
export const MAX_SESSIONS = 10_000;
/** Of the sessions, for one address or one /64 of IPv6. */
const SOURCE_SHARE = 1 / 4;
/** A session has one connection, and while its client changes networks a second one. */
const CONNECTIONS_PER_SESSION = 2;
/** What of a second's handshakes may come at once: clients that all lost their server come back together. */
const BURST_SECONDS = 2;

/** What the listener's socket lets in. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function endpointLimits(limits: ListenOptions['limits'] = {}): Partial<EndpointLimits> {
  const { maxSessions, maxConnectionsPerAddress, handshakesPerSecondPerAddress } = limits;
  requireWhole({ maxSessions, maxConnectionsPerAddress, handshakesPerSecondPerAddress });
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

function requireWhole(values: Readonly<Record<string, number | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `limits.${name} is ${value}; it takes a whole number`);
  }
}

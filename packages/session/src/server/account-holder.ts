import type { ServerHandshakeResult } from '@kwik/kcp';
import { peerAt } from '@kwik/quic';
import type { AcceptedPeer, AccessLimits } from '@kwik/wire';
import type { PathPort } from '../runtime/paths/path-port.js';

/** A connection that came for a session, and what is allowed in it. */
export interface Admitted {
  readonly port: Pick<PathPort, 'transport'>;
  readonly result: Pick<ServerHandshakeResult, 'identity'>;
  readonly allowed: AccessLimits;
}

const MAX_WEIGHT = 1000;

/**
 * Whose session it is, where what is scarce is shared: all sessions of one identity are one peer's, and of clients without one those
 * that come from one address, or one /64 of IPv6.
 */
export function holderOf({ port, result, allowed }: Admitted): AcceptedPeer {
  const { identity } = result;
  const peer = identity === undefined ? peerAt(port.transport.remote.address) : `as ${identity}`;
  return { peer, weight: weightOf(allowed) };
}

/** An access control is the application's, and may say anything. */
function weightOf({ weight = 1 }: AccessLimits): number {
  return weight >= 1 ? Math.min(weight, MAX_WEIGHT) : 1;
}

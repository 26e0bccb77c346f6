import { BOUND_TEXT, type Bound, type EndpointStats } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { ListenOptions } from '../api/options.js';
import type { RelayStats } from '../api/relays.js';
import type { ListenerBounds } from '../api/listener.js';

export function listenerBounds({ refused, dropped }: EndpointStats): ListenerBounds {
  return {
    connections: refused,
    halfOpen: dropped.halfOpen,
    initials: dropped.rate,
    answers: dropped.answerRate,
  };
}

export function relayStats({ flows, forwardedDatagrams, forwardedBytes, dropped }: EndpointStats): RelayStats {
  return {
    connections: flows,
    forwardedDatagrams,
    forwardedBytes,
    dropped: {
      address: dropped.relayAddress,
      rate: dropped.relayRate,
      bytes: dropped.relayQuota,
      congested: dropped.relayCongested,
    },
  };
}

/** Tells the user of a listener that clients have met one of its bounds. */
export function boundTeller(onRefused: ListenOptions['onRefused']): (bound: Bound, source: string | undefined) => void {
  return (bound, source) => {
    const whose = source === undefined ? '' : ` (${source})`;
    const error = new KwikError(
      'ERR_KWIK_LIMIT_EXCEEDED',
      `the listener has met a bound: ${BOUND_TEXT[bound]}${whose}`,
    );
    try {
      onRefused?.(error);
    } catch {
      // This is called between two packets, and the user's fault is none of theirs.
    }
  };
}

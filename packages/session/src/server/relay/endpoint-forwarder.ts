import { type HostLookup, resolveHost, sendable } from '@kwik/quic';
import type { ListenEndpoint } from '../network-endpoint.js';
import type { RelayForwarder } from './relay-config.js';

/** Forwards from the socket of a listener. `lookUp` resolves names; default: by the system. */
export function endpointForwarder(
  endpoint: Pick<ListenEndpoint, 'address' | 'forward' | 'stopForwarding'>,
  lookUp?: HostLookup,
): RelayForwarder {
  return {
    // A name may have addresses of both families, and the socket reach one of them alone.
    resolve: async (host) => sendable(host, await resolveHost(host, lookUp), endpoint.address()),
    forward: (flow) => endpoint.forward(flow),
    stopForwarding: (flow) => endpoint.stopForwarding(flow),
  };
}

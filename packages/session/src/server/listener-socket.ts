import { Endpoint, type EndpointOptions, systemClock } from '@kwik/quic';
import type { ListenOptions } from '../api/options.js';
import { resolveTimeouts } from '../options/timeouts.js';
import { endpointLimits } from './endpoint-limits.js';
import { boundTeller } from './listener-bounds.js';
import { type ListenEndpoint, NetworkEndpoint } from './network-endpoint.js';
import { listenerResetKey } from './reset-key.js';

export const DEFAULT_HOST = '127.0.0.1';

/** The socket of a listener, or its place in a network that is given. Rejects as `Endpoint.bind` does. */
export async function endpointFor(options: ListenOptions): Promise<ListenEndpoint> {
  const { host = DEFAULT_HOST, port = 0, runtime, timeouts } = options;
  if (runtime?.network === undefined) return Endpoint.bind(endpointOptions(options));
  return new NetworkEndpoint(runtime.network, { host, port }, { idleTimeoutMs: resolveTimeouts(timeouts).idleMs });
}

/** How the socket of a listener is bound. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function endpointOptions(options: ListenOptions): EndpointOptions {
  const { host = DEFAULT_HOST, port = 0 } = options;
  const workers = options.worker?.binding;
  const resetKey = listenerResetKey(options.identity?.resetKey, host, workers?.wantedPort ?? port) ?? workers?.resetKey;
  return {
    host,
    port: workers?.port ?? port,
    ...(workers !== undefined && { workers: workers.steering, retryKey: workers.retryKey }),
    clock: options.runtime?.clock ?? systemClock(),
    limits: endpointLimits(options.limits),
    ...(options.transport?.io !== undefined && { io: options.transport.io }),
    ...(resetKey !== undefined && { resetKey }),
    onBound: boundTeller(options.onRefused),
  };
}

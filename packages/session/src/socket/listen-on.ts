import { Endpoint } from '@kwik/quic';
import type { ListenOptions } from '../api/options.js';
import { listenWith, type UpdatableListener } from '../server/listen.js';
import { endpointOptions } from '../server/listener-socket.js';

/** A UDP port that is bound and not served yet. What clients send meanwhile waits. */
export type BoundPort = Endpoint;

/** Only clients of this machine are heard, whatever the address. */
export interface BindOptions extends ListenOptions {
  readonly loopbackOnly: boolean;
}

/** Binds `host`, numeric, and `port` within the call; the socket keeps no process alive. Throws as `listen` rejects. */
export function bindPort({ loopbackOnly, ...options }: BindOptions): BoundPort {
  return Endpoint.bindSync({ ...endpointOptions(options), loopbackOnly, ref: false });
}

/** As `listen`, on a port that is bound already, and which stays open when the listener is closed. */
export function listenOn(port: BoundPort, { loopbackOnly, ...options }: BindOptions): Promise<UpdatableListener> {
  // The certificate of a server that serves this machine alone is good for its own addresses.
  return listenWith(loopbackOnly ? { ...options, host: 'localhost' } : options, { endpoint: port });
}

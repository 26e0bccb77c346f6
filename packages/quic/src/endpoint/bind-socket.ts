import { bindFirst, ioChoice } from '../socket/bind.js';
import type { DatagramSocket } from '../socket/datagram-socket.js';
import type { EndpointOptions } from './options.js';
import { processResources } from './process-resources.js';

/** The socket that the options ask for, on the first of `addresses` that there is. Throws `ERR_KWIK_INVALID_ARGUMENT`. */
export function bindSocket(addresses: readonly string[], options: EndpointOptions): DatagramSocket {
  const { sockets } = options.resources ?? processResources();
  return bindFirst(addresses, options.port ?? 0, ioChoice(options.io), sockets, options.workers !== undefined);
}

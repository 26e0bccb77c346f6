import type { ConnectOptions } from './arguments/connect-options.js';
import { normalizeArguments } from './arguments/normalize.js';
import { type ConnectionListener, Server, type ServerOptions } from './server/server.js';
import { Socket, type SocketOptions } from './socket/socket.js';

/** `connect(options[, onConnect])` or `connect(port[, host][, onConnect])`, as `net.connect`. */
export function connect(...args: unknown[]): Socket {
  const options: ConnectOptions & SocketOptions = normalizeArguments(args).options;
  const socket = new Socket(options);
  if (options.timeout) socket.setTimeout(options.timeout);
  return socket.connect(...args);
}

export function createServer(
  options?: ServerOptions | ConnectionListener | null,
  connectionListener?: ConnectionListener,
): Server {
  return new Server(options, connectionListener);
}

import type { ConnectOptions } from './arguments/connect-options.js';
import { normalizeArguments } from './arguments/normalize.js';
import { type ConnectionListener, Server, type ServerOptions } from './server/server.js';
import type { SocketOptions } from './arguments/socket-options.js';
import { Socket } from './socket/socket.js';

/** As `net.connect`. Throws what that throws for arguments that cannot be used. */
export function connect(options: ConnectOptions & SocketOptions, onConnect?: () => void): Socket;
export function connect(port: number | string, host: string, onConnect?: () => void): Socket;
export function connect(port: number | string, onConnect?: () => void): Socket;
/** Whatever else `net.connect` takes: what does not fit is refused when it is called. */
export function connect(...args: unknown[]): Socket;
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

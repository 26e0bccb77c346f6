import { syncBuiltinESMExports } from 'node:module';
import nodeNet from 'node:net';
import nodeTls from 'node:tls';
import { normalizeArguments } from '../arguments/normalize.js';
import type { ConnectOptions } from '../arguments/connect-options.js';
import type { SocketOptions } from '../arguments/socket-options.js';
import { KwikSocket } from '../socket/socket.js';
import type { HostList } from './host-list.js';

type Connect = (this: nodeNet.Socket, ...args: unknown[]) => nodeNet.Socket;
type ConnectTls = (...args: unknown[]) => nodeTls.TLSSocket;

/**
 * From now on sockets of `node:net` that connect to one of the hosts become sockets over KWIK, whoever made them; so do
 * those below TLS. Servers, and sockets of subclasses, stay what they are.
 */
export function redirectConnects(hosts: HostList): void {
  const { Socket } = nodeNet;
  // What it replaces is called as a method of the socket.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- see above
  const connect = Socket.prototype.connect as unknown as Connect;
  const redirected: Connect = function (...args) {
    const given = withoutNormalizing(args);
    const { options }: { options: ConnectOptions } = normalizeArguments(given);
    if (!isFresh(this, Socket) || !leadsTo(hosts, options)) return connect.apply(this, args);
    return become(this, options).connect(...given) as unknown as nodeNet.Socket;
  };
  Socket.prototype.connect = redirected;
  const connectTls = nodeTls.connect as unknown as ConnectTls;
  const redirectedTls: ConnectTls = (...args) => {
    const { options, callback } = tlsArguments(args);
    if (options.socket !== undefined || !leadsTo(hosts, options)) return connectTls(...args);
    const { port, host, localAddress, family, lookup } = options;
    const socket = nodeNet.connect({ port, host, localAddress, family, lookup } as nodeNet.NetConnectOpts);
    return connectTls({ ...options, socket }, callback);
  };
  nodeTls.connect = redirectedTls;
  syncBuiltinESMExports();
}

/** `net.connect` hands on what it has normalized, in an array. */
function withoutNormalizing(args: readonly unknown[]): readonly unknown[] {
  const [first] = args;
  if (!Array.isArray(first)) return args;
  const [options, callback] = first as [unknown, unknown];
  return typeof callback === 'function' ? [options, callback] : [options];
}

/** Of no subclass, as those rely on what they extend, and not connected. */
function isFresh(socket: nodeNet.Socket, Socket: typeof nodeNet.Socket): boolean {
  return Object.getPrototypeOf(socket) === Socket.prototype && !socket.connecting && socket.pending;
}

function leadsTo(hosts: HostList, { host, port, path }: ConnectOptions): boolean {
  const isPipe = typeof path === 'string' && path !== '';
  return !isPipe && port !== undefined && port !== null && hosts.has(host ?? 'localhost', Number(port));
}

/** The very same object, with its listeners and with what was written to it already. */
function become(socket: nodeNet.Socket, { onread }: ConnectOptions & SocketOptions): KwikSocket {
  const { allowHalfOpen, timeout = 0 } = socket;
  socket.setTimeout(0);
  Object.setPrototypeOf(socket, KwikSocket.prototype);
  const became = new KwikSocket({ allowHalfOpen, ...(onread !== undefined && { onread }) }, socket);
  if (timeout > 0) became.setTimeout(timeout);
  return became;
}

/** `(options[, callback])` or `(port[, host][, options][, callback])`. */
function tlsArguments(args: readonly unknown[]): {
  readonly options: ConnectOptions & { readonly socket?: unknown };
  readonly callback: unknown;
} {
  const { options, callback } = normalizeArguments(args);
  const further = args.slice(1).find((each) => typeof each === 'object' && each !== null);
  return { options: { ...options, ...further }, callback };
}

import {
  BlockList,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
  SocketAddress,
} from 'node:net';
import { connect, createServer } from './connect.js';
import { network } from './network.js';
import { Server } from './server/server.js';
import { Socket } from './socket/socket.js';
import type { KwikSettings } from './settings/settings.js';

/** What holds for all sockets and servers of the process from now on. */
export function configure(settings: KwikSettings): void {
  network.configure(settings);
}

/** The name that `net.Socket` had at first. */
export const Stream: typeof Socket = Socket;
export type Stream = Socket;
export const createConnection: typeof connect = connect;

export {
  BlockList,
  connect,
  createServer,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  Server,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
  Socket,
  SocketAddress,
};
export type { KwikSettings, PoolSettings } from './settings/settings.js';
export type { ConnectOptions } from './arguments/connect-options.js';
export type { ServerListenOptions } from './arguments/listen-options.js';
export type { ConnectionListener, ServerOptions } from './server/server.js';
export type { SocketOptions } from './arguments/socket-options.js';
export type {
  AddressInfo,
  IpcNetConnectOpts,
  ListenOptions,
  LookupFunction,
  NetConnectOpts,
  TcpNetConnectOpts,
} from 'node:net';

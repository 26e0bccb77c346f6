import { Server, Socket } from 'node:net';
import { KwikError } from '@kwik/wire';

/** As it was when this was loaded: `register` leads the method of sockets here. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called as a method
const nodesConnect = Socket.prototype.connect;

/**
 * Arguments that `node:net` refuses, refused in its own words and classes of errors, whichever version of Node this is:
 * it is asked itself. It looks at its arguments before it does anything.
 */
export function refuseConnect(options: object): never {
  askNode(options);
  throw unexpected('connect');
}

/** Throws what `node:net` throws for options that some of its versions take, and others refuse. */
export function askNode(options: object): void {
  const socket = new Socket();
  socket.on('error', () => undefined);
  try {
    nodesConnect.call(socket, options as never);
  } finally {
    socket.destroy();
  }
}

export function refuseListen(options: object): never {
  const server = new Server();
  server.on('error', () => undefined);
  try {
    server.listen(options as never);
  } finally {
    server.close();
  }
  throw unexpected('listen');
}

/** What a socket or a server is made with. */
export function refuseSocket(options: object): never {
  new Socket(options).destroy();
  throw unexpected('new Socket');
}

export function refuseServer(options: unknown): never {
  new Server(options as never);
  throw unexpected('new Server');
}

export function refuseTimeout(ms: unknown, callback: unknown): never {
  const socket = new Socket();
  try {
    socket.setTimeout(ms as number, callback as () => void);
  } finally {
    socket.destroy();
  }
  throw unexpected('setTimeout');
}

/** What only the kernel's sockets have: files, pipes and handles. */
export function unsupported(what: string): KwikError {
  return new KwikError('ERR_KWIK_UNSUPPORTED', `${what} cannot be had over KWIK; use node:net for it`);
}

function unexpected(call: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${call}: an argument cannot be used`);
}

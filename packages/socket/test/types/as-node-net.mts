/** Compiled by `modules.test.ts` as a user's code would be: what is made here passes for what `node:net` makes. */
import nodeNet from 'node:net';
import net, { type Server, type Socket } from '@kwik/socket';

export function socketOf(socket: Socket): nodeNet.Socket {
  return socket;
}

export function serverOf(server: Server): nodeNet.Server {
  return server;
}

export const choose = (overKwik: boolean): typeof nodeNet => (overKwik ? net : nodeNet);

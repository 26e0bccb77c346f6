import type { EventEmitter } from 'node:events';
import { isPlausible } from '../dns/dns-message.js';

/** multicast-dns reads each datagram before it says anything of it: what must not be read does not get there. */
export function plausibleOnly<Socket extends Pick<EventEmitter, 'emit'>>(socket: Socket): Socket {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean =>
    event === 'message' && !isPlausible(args[0] as Uint8Array) ? false : emit(event, ...args);
  return socket;
}

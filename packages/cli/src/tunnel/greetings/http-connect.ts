import type { Socket } from 'node:net';
import { KwikError } from '@kwik/wire';
import { type HostPort, parseHostPort } from '../../address.js';
import type { Greeting } from '../local-listener.js';
import { HeadReader } from './head-reader.js';

/** CONNECT of HTTP/1.1 (RFC 9110, section 9.3.6), as browsers and curl ask a proxy for it. */
export const HTTP_CONNECT: Greeting = {
  async greet(socket, connect) {
    const reader = new HeadReader(socket);
    const head = (await reader.takeUntil('\r\n\r\n')).toString('latin1');
    const target = targetOf(head);
    if (target === undefined) {
      refuse(socket, head.startsWith('CONNECT ') ? '400 Bad Request' : '405 Method Not Allowed');
      return undefined;
    }
    try {
      const remote = await connect(target);
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      reader.done();
      return remote;
    } catch (error) {
      const denied = error instanceof KwikError && error.code === 'ERR_KWIK_PERMISSION_DENIED';
      refuse(socket, denied ? '403 Forbidden' : '502 Bad Gateway');
      throw error;
    }
  },
};

function targetOf(head: string): HostPort | undefined {
  const [, target] = /^CONNECT ([^ ]+:\d{1,5}) HTTP\/1\.[01]$/mu.exec(head.split('\r\n')[0] ?? '') ?? [];
  if (target === undefined) return undefined;
  try {
    return parseHostPort(target);
  } catch {
    return undefined;
  }
}

function refuse(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

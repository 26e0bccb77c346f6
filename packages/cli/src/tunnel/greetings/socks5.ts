import type { Socket } from 'node:net';
import { KwikError } from '@kwik/wire';
import type { HostPort } from '../../address.js';
import type { Greeting } from '../local-listener.js';
import { HeadReader } from './head-reader.js';

/** RFC 1928. */
const VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 1;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
const REPLY = { succeeded: 0, notAllowed: 2, refused: 5, unknownCommand: 7, unknownAddress: 8 } as const;

/** SOCKS 5 without authentication; of its commands, CONNECT. */
export const SOCKS5: Greeting = {
  async greet(socket, connect) {
    const reader = new HeadReader(socket);
    if (!(await agreeOnMethod(socket, reader))) return undefined;
    const target = await readTarget(socket, reader);
    if (target === undefined) return undefined;
    try {
      const remote = await connect(target);
      reply(socket, REPLY.succeeded);
      reader.done();
      return remote;
    } catch (error) {
      const denied = error instanceof KwikError && error.code === 'ERR_KWIK_PERMISSION_DENIED';
      reply(socket, denied ? REPLY.notAllowed : REPLY.refused);
      socket.end();
      throw error;
    }
  },
};

async function agreeOnMethod(socket: Socket, reader: HeadReader): Promise<boolean> {
  const [version, count = 0] = await reader.take(2);
  if (version !== VERSION) {
    socket.destroy();
    return false;
  }
  const offered = await reader.take(count);
  const agreed = offered.includes(NO_AUTHENTICATION);
  socket.write(Uint8Array.of(VERSION, agreed ? NO_AUTHENTICATION : NO_ACCEPTABLE_METHOD));
  if (!agreed) socket.end();
  return agreed;
}

/** Undefined when the client was told why not. */
async function readTarget(socket: Socket, reader: HeadReader): Promise<HostPort | undefined> {
  const [version, command, , type] = await reader.take(4);
  const host = await readHost(reader, type);
  const fault = faultOf({ version, command, host });
  if (fault !== undefined || host === undefined) {
    reply(socket, fault ?? REPLY.unknownAddress);
    socket.end();
    return undefined;
  }
  return { host, port: (await reader.take(2)).readUInt16BE() };
}

function faultOf({ version, command, host }: Record<string, unknown>): number | undefined {
  if (version !== VERSION || command !== CONNECT) return REPLY.unknownCommand;
  return host === undefined ? REPLY.unknownAddress : undefined;
}

async function readHost(reader: HeadReader, type: number | undefined): Promise<string | undefined> {
  switch (type) {
    case ADDRESS.ipv4:
      return (await reader.take(4)).join('.');
    case ADDRESS.name: {
      const [length = 0] = await reader.take(1);
      const name = (await reader.take(length)).toString('latin1');
      return /^[A-Za-z0-9._-]+$/u.test(name) ? name : undefined;
    }
    case ADDRESS.ipv6: {
      const bytes = await reader.take(16);
      const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
      // As people write it, for that is what lists hold.
      return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
    }
    default:
      return undefined;
  }
}

/** The address that the server sent from is nobody's business here: zeros, as many do. */
function reply(socket: Socket, code: number): void {
  socket.write(Uint8Array.of(VERSION, code, 0, ADDRESS.ipv4, 0, 0, 0, 0, 0, 0));
}

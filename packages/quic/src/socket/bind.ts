import { isIP } from 'node:net';
import { KwikError } from '@kwik/wire';
import { BatchedSocket } from './batched-socket.js';
import { bindError, type DatagramSocket } from './datagram-socket.js';
import { DgramSocket } from './dgram-socket.js';
import { EachAddressSocket } from './each-address-socket.js';
import type { SocketResources } from './socket-resources.js';

/** `auto`: batched where it works. */
export type IoChoice = 'auto' | 'batched' | 'dgram';

/** All addresses of the machine. */
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];
const CHOICES: readonly string[] = ['auto', 'batched', 'dgram'];

/** What an option or, without one, the environment says. Throws `ERR_KWIK_INVALID_ARGUMENT` for any other word. */
export function ioChoice(option: string | undefined, environment: NodeJS.ProcessEnv = process.env): IoChoice {
  const word = option ?? environment['KWIK_IO'] ?? 'auto';
  if (CHOICES.includes(word)) return word as IoChoice;
  const where = option === undefined ? 'the variable KWIK_IO' : 'io';
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${where} is '${word}'; there are ${CHOICES.join(', ')}`);
}

/**
 * A socket on the first of `addresses` that this machine has. Throws `ERR_KWIK_INVALID_ARGUMENT` for the first
 * address when none can be had, and when `batched`, or `shared` (several processes on one port), is asked for where it does not
 * work.
 */
export function bindFirst(
  addresses: readonly string[],
  port: number,
  io: IoChoice,
  resources: SocketResources,
  shared = false,
): DatagramSocket {
  let first: unknown;
  for (const address of addresses) {
    try {
      return bind(address, port, io, resources, shared);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function bind(host: string, port: number, io: IoChoice, resources: SocketResources, shared: boolean): DatagramSocket {
  // What is no address must not become one on its way into bytes: 0.0.0.0, say, where a name was given.
  if (isIP(host) === 0) throw bindError(host, port, Object.assign(new Error('no address'), { code: 'ENOTFOUND' }));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `port ${port} is not a whole number from 0 to 65535`);
  }
  const calls = io === 'dgram' ? undefined : resources.systemCalls();
  const batched = calls === undefined ? undefined : BatchedSocket.bind(host, port, calls, { shared });
  if (batched !== undefined && calls !== undefined) {
    if (!WILDCARDS.includes(host)) return batched;
    const bindAt = (address: string) =>
      BatchedSocket.bind(address, batched.address.port, calls, { shared: true, tells: true });
    return new EachAddressSocket({ any: batched, bindAt, shared });
  }
  if (shared) {
    const text = 'several processes on one port need batched I/O: Linux (x64, arm64), and the package koffi';
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  if (io !== 'batched') return DgramSocket.bind(host, port, resources.spent);
  const text = 'batched I/O works on Linux (x64, arm64) where the package koffi is installed';
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
}

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { KwikError, type TransportAddress } from '@kwik/wire';
import { SpentMemory } from './spent-memory.js';

/** What the kernel is asked to hold: bursts at loopback speed fill the default of 200 kB within a turn of the loop. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** Of all sockets: it keeps a batch of datagrams until that is full. */
const SPENT = new SpentMemory();

export interface UdpHandlers {
  /** The datagram is freed when this returns: what shall last is to be copied. */
  onDatagram(datagram: Buffer, from: RemoteInfo): void;
  /** The address is the one that the failed datagram was for, when known. Nothing is to be done but to count. */
  onError(error: NodeJS.ErrnoException): void;
}

/**
 * One bound UDP socket. Sending neither waits nor throws: UDP may lose any datagram, and QUIC repairs that. A socket's
 * errors are reported and never end the process.
 */
export class UdpSocket {
  readonly address: TransportAddress;
  private handlers: UdpHandlers | undefined;
  private closed = false;

  private constructor(private readonly socket: Socket) {
    const { address, port } = socket.address();
    this.address = { address, port, family: isIPv6(address) ? 'IPv6' : 'IPv4' };
    socket.on('error', (error) => this.handlers?.onError(error));
  }

  /** Binds within the call. Throws `ERR_KWIK_INVALID_ARGUMENT` (no such address, port taken, no permission). */
  static bind(host: string, port: number): UdpSocket {
    const type = isIPv6(host) ? 'udp6' : 'udp4';
    const socket = createSocket({ type, lookup: numericLookup });
    let failure: NodeJS.ErrnoException | undefined;
    socket.once('error', (cause: NodeJS.ErrnoException) => (failure = cause));
    // The lookup answers at once, and so the socket is bound when this returns, or has said why it is not.
    socket.bind({ port, address: host, exclusive: true });
    socket.removeAllListeners('error');
    if (failure !== undefined) {
      socket.close();
      throw bindError(host, port, failure);
    }
    enlargeBuffers(socket);
    return new UdpSocket(socket);
  }

  /** The process may end although the socket is open. */
  unref(): void {
    this.socket.unref();
  }

  /** Datagrams are heard from now on; those that came before are lost, as datagrams may be. */
  open(handlers: UdpHandlers): void {
    this.handlers = handlers;
    this.socket.on('message', (datagram, from) => {
      handlers.onDatagram(datagram, from);
      SPENT.release(datagram);
    });
  }

  /** `callback`, when given, hears of the outcome; it costs a tick, so only a few datagrams have one. */
  send(datagram: Uint8Array, port: number, address: string, callback?: (error: Error | null) => void): void {
    if (this.closed) return;
    try {
      this.socket.send(datagram, port, address, callback);
    } catch (error) {
      this.handlers?.onError(error as NodeJS.ErrnoException);
    }
  }

  /** Datagrams that the kernel had no room for and that wait in the process. */
  queuedCount(): number {
    return this.closed ? 0 : this.socket.getSendQueueCount();
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }
}

/** A socket on the first of `addresses` that this machine has; throws as `UdpSocket.bind` does for the first. */
export function bindFirst(addresses: readonly string[], port: number): UdpSocket {
  let first: unknown;
  for (const address of addresses) {
    try {
      return UdpSocket.bind(address, port);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/**
 * Addresses are numeric here. Without this, `node:dgram` asks the resolver for each datagram, which answers a tick later
 * with a closure of its own.
 */
function numericLookup(
  hostname: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  // The family is not looked at, and finding it out costs as much as all the rest.
  callback(null, hostname, 0);
}

function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // The system allows less; it works with its own sizes.
  }
}

function bindError(host: string, port: number, cause: NodeJS.ErrnoException): KwikError {
  const why: Record<string, string> = {
    EADDRINUSE: 'another program has it; choose another port, or 0 for any',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'ports below 1024 need a privilege',
    ENOTFOUND: 'a numeric address is needed here',
  };
  const reason = why[cause.code ?? ''] ?? cause.message;
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `cannot listen on UDP ${host} port ${port}: ${reason}`, { cause });
}

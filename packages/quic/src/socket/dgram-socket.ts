import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TransportAddress } from '@kwik/wire';
import {
  bindError,
  SOCKET_BUFFER_BYTES,
  type DatagramHandlers,
  type DatagramSending,
  type DatagramSocket,
  type SendCallback,
} from './datagram-socket.js';
import { SendRings } from './send-ring.js';
import type { SpentMemory } from './spent-memory.js';

/** libuv reads as many before others have a turn (`uv__udp_recvmsg`). */
export const DGRAM_READS_AT_ONCE = 32;

/** A socket of `node:dgram`: works everywhere, with a system call for each datagram. */
export class DgramSocket implements DatagramSocket, DatagramSending {
  readonly address: TransportAddress;
  readonly io = 'dgram';
  readonly readsAtOnce = DGRAM_READS_AT_ONCE;
  readonly segmentationRefused = undefined;
  private readonly rings = new SendRings(() => this.queuedCount());
  private handlers: DatagramHandlers | undefined;
  private closed = false;

  private constructor(
    private readonly socket: Socket,
    private readonly spent: SpentMemory,
  ) {
    this.address = addressOf(socket);
    socket.on('error', (error) => this.handlers?.onError(error));
  }

  /** Binds within the call. Throws `ERR_KWIK_INVALID_ARGUMENT` (no such address, port taken, no permission). */
  static bind(host: string, port: number, spent: SpentMemory): DgramSocket {
    const socket = createSocket(dgramOptions(host));
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
    return new DgramSocket(socket, spent);
  }

  unref(): void {
    this.socket.unref();
  }

  open(handlers: DatagramHandlers): void {
    this.handlers = handlers;
    this.socket.on('message', (datagram, from) => {
      handlers.onDatagram(datagram, from);
      this.spent.release(datagram);
    });
  }

  /** `node:dgram` does not tell where a datagram was sent to. */
  answerFromEach(): void {
    // Its answers come from the address that the system chooses.
  }

  from(): this {
    return this;
  }

  slot(bytes: number): Buffer {
    return this.rings.ring(bytes).slot();
  }

  submit(slotBytes: number, bytes: number, port: number, address: string, callback?: SendCallback): void {
    const ring = this.rings.ring(slotBytes);
    const slot = ring.slot();
    this.hand(bytes === slot.length ? slot : slot.subarray(0, bytes), port, address, callback);
    ring.advance();
    this.rings.submitted();
  }

  flush(): void {
    // Each datagram was handed over when it was submitted.
  }

  send(datagram: Uint8Array, port: number, address: string): void {
    this.hand(datagram, port, address, undefined);
  }

  /** `node:dgram` does not tell the MTU. */
  routeDatagramBytes(): undefined {
    return undefined;
  }

  congested(): boolean {
    return this.rings.congested();
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  private hand(datagram: Uint8Array, port: number, address: string, callback: SendCallback | undefined): void {
    if (this.closed) return;
    try {
      this.socket.send(datagram, port, address, callback);
    } catch (error) {
      this.handlers?.onError(error as NodeJS.ErrnoException);
    }
  }

  private queuedCount(): number {
    return this.closed ? 0 : this.socket.getSendQueueCount();
  }
}

export function dgramOptions(host: string): SocketOptions {
  return { type: isIPv6(host) ? 'udp6' : 'udp4', lookup: numericLookup };
}

export function addressOf(socket: Socket): TransportAddress {
  const { address, port } = socket.address();
  return { address, port, family: isIPv6(address) ? 'IPv6' : 'IPv4' };
}

export function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // The system allows less; it works with its own sizes.
  }
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

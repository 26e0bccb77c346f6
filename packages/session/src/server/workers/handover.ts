import { timingSafeEqual } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DatagramSource } from '@kwik/quic';

const HOST = '127.0.0.1';
const SECRET_BYTES = 16;
/** The longest text of an address, with the name of an interface. */
const MAX_ADDRESS_BYTES = 80;
/** Datagrams that wait for the kernel; more are lost, as they would be in its own queue. */
const MAX_QUEUED = 1024;

/**
 * Datagrams of the workers of one address go from one to the other here: over loopback, each behind a secret that they share,
 * so that nobody else on the machine can pass datagrams off as those of a stranger. What does not fit is lost, as on any link.
 *
 * Secret (16 bytes), length of the sender's address (1), the address as text, its port (2), the datagram.
 */
export class Handover {
  readonly port: number;
  readonly #socket: Socket;
  readonly #secret: Uint8Array;

  private constructor(socket: Socket, secret: Uint8Array) {
    this.#socket = socket;
    this.#secret = secret.subarray(0, SECRET_BYTES);
    this.port = socket.address().port;
  }

  static async open(secret: Uint8Array, onDatagram: (datagram: Uint8Array, from: DatagramSource) => void) {
    const socket = createSocket('udp4');
    // A lost datagram is no error of anybody's.
    socket.on('error', () => undefined);
    socket.bind({ port: 0, address: HOST, exclusive: true });
    await once(socket, 'listening');
    const handover = new Handover(socket, secret);
    socket.on('message', (message) => {
      const handed = handover.#read(message);
      if (handed !== undefined) onDatagram(handed.datagram, handed.from);
    });
    return handover;
  }

  /** False when it is lost here. The datagram is copied. */
  send(port: number, datagram: Uint8Array, from: DatagramSource): boolean {
    const address = Buffer.from(from.address);
    if (address.length > MAX_ADDRESS_BYTES || this.#socket.getSendQueueCount() >= MAX_QUEUED) return false;
    const ends = Buffer.alloc(3);
    ends.writeUInt8(address.length, 0);
    ends.writeUInt16BE(from.port, 1);
    const message = Buffer.concat([this.#secret, ends.subarray(0, 1), address, ends.subarray(1), datagram]);
    this.#socket.send(message, port, HOST, () => undefined);
    return true;
  }

  close(): void {
    this.#socket.close();
  }

  #read(message: Buffer): { datagram: Uint8Array; from: DatagramSource } | undefined {
    const addressBytes = message[SECRET_BYTES];
    if (addressBytes === undefined || message.length < SECRET_BYTES + 3 + addressBytes) return undefined;
    if (!timingSafeEqual(message.subarray(0, SECRET_BYTES), this.#secret)) return undefined;
    const portAt = SECRET_BYTES + 1 + addressBytes;
    const address = message.toString('utf8', SECRET_BYTES + 1, portAt);
    return { datagram: message.subarray(portAt + 2), from: { address, port: message.readUInt16BE(portAt) } };
  }
}

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

const BATCH_MS = 5;

/**
 * A link between one client and one server that passes everything on, and lets somebody who can write the server's
 * address, or the client's, on a datagram (a forged source) send to either of them in the other's name.
 */
export class InjectingLink {
  readonly #toClient: Socket;
  readonly #toServer: Socket;
  #clientPort = 0;
  #cut = false;
  /** The last packet with a short header that went to the server: it has the connection's id in the clear. */
  lastShort: Buffer | undefined;

  private constructor(toClient: Socket, toServer: Socket, serverPort: number) {
    this.#toClient = toClient;
    this.#toServer = toServer;
    toClient.on('message', (datagram, from) => {
      this.#clientPort = from.port;
      if (((datagram[0] ?? 0) & 0x80) === 0) this.lastShort = Buffer.from(datagram);
      if (!this.#cut) toServer.send(datagram, serverPort, '127.0.0.1');
    });
    toServer.on('message', (datagram) => {
      if (!this.#cut) toClient.send(datagram, this.#clientPort, '127.0.0.1');
    });
  }

  static async between(serverPort: number): Promise<InjectingLink> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      socket.on('error', () => undefined);
    }
    return new InjectingLink(sockets[0], sockets[1], serverPort);
  }

  /** Where the client dials. */
  get port(): number {
    return this.#toClient.address().port;
  }

  /** From now on nothing honest passes: the server is gone. */
  cut(): void {
    this.#cut = true;
  }

  /** Sends so many datagrams at a rate (a second) in the name of the server or of the client. */
  async inject(
    to: 'client' | 'server',
    count: number,
    rate: number,
    make: () => Buffer,
    serverPort = 0,
  ): Promise<void> {
    const begun = performance.now();
    for (let sent = 0; sent < count; ) {
      const due = Math.min(count, ((performance.now() - begun) / 1000) * rate);
      for (; sent < due; sent++) {
        if (to === 'client') this.#toClient.send(make(), this.#clientPort, '127.0.0.1');
        else this.#toServer.send(make(), serverPort, '127.0.0.1');
      }
      await wait(BATCH_MS);
    }
  }

  close(): void {
    this.#toClient.close();
    this.#toServer.close();
  }
}

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const HOST = '127.0.0.1';
const BUFFER_BYTES = 1 << 20;

/**
 * What stands before a server that relays alone may reach: datagrams of anybody else go nowhere. All of them are on 127.0.0.1,
 * and known by their ports.
 */
export class RelayGate {
  readonly #front: Socket;
  readonly #server: number;
  readonly #relays: ReadonlySet<number>;
  /** Towards the server, one for each relay: that tells them by their addresses. */
  readonly #backs = new Map<number, Socket>();

  private constructor(front: Socket, server: number, relays: readonly number[]) {
    this.#front = front;
    this.#server = server;
    this.#relays = new Set(relays);
    front.on('message', (datagram, { port }) => {
      if (this.#relays.has(port)) this.#backOf(port).send(datagram, this.#server, HOST);
    });
  }

  /** Rejects with Node's error when no port can be bound. */
  static async open(server: number, relays: readonly number[]): Promise<RelayGate> {
    const front = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES }).bind(0, HOST);
    await once(front, 'listening');
    return new RelayGate(front, server, relays);
  }

  /** To be dialled in place of the server's. */
  get port(): number {
    return this.#front.address().port;
  }

  /** Once. */
  close(): void {
    for (const socket of [this.#front, ...this.#backs.values()]) socket.close();
  }

  #backOf(relay: number): Socket {
    const known = this.#backs.get(relay);
    if (known !== undefined) return known;
    const back = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    back.on('message', (datagram) => this.#front.send(datagram, relay, HOST));
    this.#backs.set(relay, back);
    return back;
  }
}

import { createSocket, type Socket } from 'node:dgram';

/** Long header, type 1 (RFC 9000, section 17.2.3). */
const TYPE_BITS = 0xb0;
const ZERO_RTT = 0x90;

/**
 * Between a client and a server on loopback, one flight after the other: what the server says can be held back until the
 * client has said all, and what the client says after that be lost. So a test counts round trips without a clock.
 */
export class Flights {
  /** What the client has sent, newest last. */
  readonly up: Buffer[] = [];
  /** What the server has sent waits here, while it is there. */
  held: Buffer[] | undefined;
  losesUp = false;
  /** Datagrams from the server. */
  down = 0;
  readonly #front: Socket;
  readonly #back: Socket;
  serverPort: number;
  #clientPort = 0;

  private constructor(front: Socket, back: Socket, serverPort: number) {
    this.#front = front;
    this.#back = back;
    this.serverPort = serverPort;
    front.on('message', (datagram, from) => {
      this.#clientPort = from.port;
      this.up.push(Buffer.from(datagram));
      if (!this.losesUp) this.toServer(datagram);
    });
    back.on('message', (datagram) => {
      this.down++;
      if (this.held === undefined) this.#toClient(datagram);
      else this.held.push(Buffer.from(datagram));
    });
  }

  static async to(serverPort: number): Promise<Flights> {
    return new Flights(await bound(), await bound(), serverPort);
  }

  get address(): string {
    return `127.0.0.1:${this.#front.address().port}`;
  }

  /** All that the server says from now on waits. */
  hold(): void {
    this.held = [];
    this.up.length = 0;
  }

  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const datagram of held) this.#toClient(datagram);
  }

  toServer(datagram: Uint8Array): void {
    this.#back.send(datagram, this.serverPort, '127.0.0.1');
  }

  async close(): Promise<void> {
    await Promise.all([this.#front, this.#back].map((socket) => new Promise<void>((done) => socket.close(done))));
  }

  #toClient(datagram: Uint8Array): void {
    if (this.#clientPort !== 0) this.#front.send(datagram, this.#clientPort, '127.0.0.1');
  }
}

/** It holds early data (0-RTT). */
export function isEarly(datagram: Uint8Array): boolean {
  return ((datagram[0] ?? 0) & TYPE_BITS) === ZERO_RTT;
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
}

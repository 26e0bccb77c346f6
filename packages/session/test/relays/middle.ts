import { createSocket, type Socket } from 'node:dgram';
import { pause } from '@kwik/testbed';

type Way = 'up' | 'down';

/** Somebody on the way between a client and a relay, or the relay itself: does with each datagram what a test says. */
export class Middle {
  /** What goes on instead of a datagram, and when: none, one or several. Default: the datagram, at once. */
  mangle: (datagram: Buffer, way: Way) => readonly { readonly datagram: Buffer; readonly afterMs?: number }[];
  /** All that came by, in the order in which it came; the last 20,000. */
  readonly seen: Buffer[] = [];
  #clientPort = 0;
  readonly #front: Socket;
  readonly #back: Socket;
  #closed = false;

  private constructor(front: Socket, back: Socket, relayPort: number) {
    this.#front = front;
    this.#back = back;
    this.mangle = (datagram) => [{ datagram }];
    front.on('message', (datagram, from) => {
      this.#clientPort = from.port;
      this.#pass(datagram, 'up', (out) => back.send(out, relayPort, '127.0.0.1'));
    });
    back.on('message', (datagram) => {
      this.#pass(datagram, 'down', (out) => front.send(out, this.#clientPort, '127.0.0.1'));
    });
  }

  static async create(relayPort: number): Promise<Middle> {
    return new Middle(await bound(), await bound(), relayPort);
  }

  get address(): string {
    return `127.0.0.1:${this.#front.address().port}`;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#front, this.#back].map((one) => new Promise<void>((done) => one.close(() => done()))));
  }

  #pass(datagram: Buffer, way: Way, send: (out: Buffer) => void): void {
    this.seen.push(Buffer.from(datagram));
    if (this.seen.length > 20_000) this.seen.shift();
    for (const { datagram: out, afterMs = 0 } of this.mangle(Buffer.from(datagram), way)) {
      if (afterMs === 0) {
        send(out);
        continue;
      }
      void pause(afterMs).then(() => {
        if (!this.#closed) send(out);
      });
    }
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
}

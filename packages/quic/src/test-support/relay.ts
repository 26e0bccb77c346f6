import { createSocket, type Socket } from 'node:dgram';

/** Forwards between one client and one server on loopback, and lets a test be somebody else on the way. */
export class Relay implements AsyncDisposable {
  /** Datagrams as they came, newest last; at most 1,000. */
  readonly up: Buffer[] = [];
  readonly down: Buffer[] = [];
  /** Loses what it says. */
  loses: (() => boolean) | undefined;
  /** The same of what the client sends. */
  losesUp: ((datagram: Buffer) => boolean) | undefined;
  /** What comes for the client waits here, while it is there. */
  held: Buffer[] | undefined;
  private clientPort = 0;

  private constructor(
    private readonly front: Socket,
    private back: Socket,
    private readonly serverPort: number,
  ) {
    front.on('message', (datagram, from) => {
      this.clientPort = from.port;
      remember(this.up, datagram);
      if (this.loses?.() !== true && this.losesUp?.(datagram) !== true) this.toServer(datagram);
    });
    this.listenBack();
  }

  static async create(serverPort: number): Promise<Relay> {
    return new Relay(await bound(), await bound(), serverPort);
  }

  get port(): number {
    return this.front.address().port;
  }

  /** What the server sees the client at. */
  get outerPort(): number {
    return this.back.address().port;
  }

  toServer(datagram: Uint8Array): void {
    this.back.send(datagram, this.serverPort, '127.0.0.1');
  }

  toClient(datagram: Uint8Array): void {
    this.front.send(datagram, this.clientPort, '127.0.0.1');
  }

  /** What waited for the client goes to it, and nothing waits any more. */
  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const datagram of held) this.toClient(datagram);
  }

  /** As a NAT does that has forgotten the client: it is seen at another port from now on, and the old one is dead. */
  async rebind(): Promise<void> {
    const old = this.back;
    const next = await bound();
    this.back = next;
    this.listenBack();
    old.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.front, this.back].map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }

  private listenBack(): void {
    this.back.on('message', (datagram) => {
      remember(this.down, datagram);
      if (this.held !== undefined) this.held.push(datagram);
      else if (this.loses?.() !== true) this.toClient(datagram);
    });
  }
}

function remember(list: Buffer[], datagram: Buffer): void {
  list.push(Buffer.from(datagram));
  if (list.length > 1_000) list.shift();
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
}

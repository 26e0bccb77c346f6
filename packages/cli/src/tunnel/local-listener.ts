import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../address.js';
import { reportError } from '../errors.js';
import { splice } from './splice.js';
import { TcpEnd } from './tcp-end.js';
import type { RemoteConnection } from './remote-connection.js';

/** Connections to one port at once; each has a stream, of which a server grants 1,024. */
const MAX_CONNECTIONS = 1024;

/** Speaks with who has connected, until it is known where that connection is to lead. */
export interface Greeting {
  /** Connects by `connect`, tells the client so, or why not; undefined when it was told why not. */
  greet(
    socket: Socket,
    connect: (target: HostPort) => Promise<RemoteConnection>,
  ): Promise<RemoteConnection | undefined>;
}

export interface LocalListenerParts {
  readonly listen: HostPort;
  readonly greeting: Greeting;
  connect(target: HostPort, signal: AbortSignal): Promise<RemoteConnection>;
  /** Tells the user something in one line. */
  say(line: string): void;
}

/** A TCP port here whose connections go on at the server. */
export class LocalListener {
  readonly #server: Server;
  readonly #parts: LocalListenerParts;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, parts: LocalListenerParts) {
    this.#server = server;
    this.#parts = parts;
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket) => void this.#carry(socket));
    // Of accepting a connection, for want of descriptors mostly: the next one may do.
    server.on('error', (error) => parts.say(`${this.address}: ${reportError(error).message}`));
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(parts: LocalListenerParts): Promise<LocalListener> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(parts.listen.port, parts.listen.host);
    await once(server, 'listening');
    return new LocalListener(server, parts);
  }

  /** `host:port`, with the port that the system chose. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return formatHostPort({ host: address, port });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async #carry(socket: Socket): Promise<void> {
    const parts = this.#parts;
    this.#sockets.add(socket);
    const end = new TcpEnd(socket);
    try {
      const remote = await parts.greeting.greet(socket, (target) => parts.connect(target, end.gone));
      if (remote !== undefined) await splice(end, remote.stream, remote.reader);
    } catch (error) {
      if (!end.gone.aborted) parts.say(reportError(error).message);
      end.abort();
    } finally {
      this.#sockets.delete(socket);
    }
  }
}

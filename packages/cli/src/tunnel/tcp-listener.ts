import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../address.js';

export interface TcpListenerParts {
  /** Port 0 lets the system choose. */
  readonly listen: HostPort;
  /** Connections at once; whoever comes beyond is closed at once. */
  readonly maxConnections: number;
  onSocket(socket: Socket): void;
  /** A connection could not be accepted, for want of descriptors mostly: the next one may be. */
  onError(error: Error): void;
}

/** A TCP port and the connections that were made there, each of which is known until it is closed. */
export class TcpListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, parts: TcpListenerParts) {
    this.#server = server;
    server.maxConnections = parts.maxConnections;
    server.on('error', (error) => parts.onError(error));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      parts.onSocket(socket);
    });
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(parts: TcpListenerParts): Promise<TcpListener> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(parts.listen.port, parts.listen.host);
    await once(server, 'listening');
    return new TcpListener(server, parts);
  }

  /** `host:port`, with the port that the system chose. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return formatHostPort({ host: address, port });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Accepts no more, and resets what is open. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

import type { Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../address.js';
import { reportError } from '../errors.js';
import { splice } from './splice.js';
import type { RemoteConnection } from './remote-connection.js';
import { TcpEnd } from './tcp-end.js';
import { TcpListener } from './tcp-listener.js';

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
  /** How long a client that was refused may keep its connection open, milliseconds. Default: as `TcpEnd.dismiss`. */
  readonly lingerMs?: number;
}

/** A TCP port here whose connections go on at the server. */
export class LocalListener {
  readonly #listener: TcpListener;

  private constructor(listener: TcpListener) {
    this.#listener = listener;
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(parts: LocalListenerParts): Promise<LocalListener> {
    const listener = await TcpListener.open({
      listen: parts.listen,
      maxConnections: MAX_CONNECTIONS,
      onSocket: (socket) => void carry(socket, parts),
      onError: (error) => parts.say(`${formatHostPort(parts.listen)}: ${reportError(error).message}`),
    });
    return new LocalListener(listener);
  }

  /** `host:port`, with the port that the system chose. */
  get address(): string {
    return this.#listener.address;
  }

  /** Connections that are open, with those that were refused and have not been closed yet. */
  get connections(): number {
    return this.#listener.connections;
  }

  close(): void {
    this.#listener.close();
  }
}

async function carry(socket: Socket, parts: LocalListenerParts): Promise<void> {
  const end = new TcpEnd(socket);
  try {
    const remote = await parts.greeting.greet(socket, (target) => parts.connect(target, end.gone));
    if (remote === undefined) end.dismiss(parts.lingerMs);
    else await splice(end, remote.stream, remote.reader);
  } catch (error) {
    if (!end.gone.aborted) parts.say(reportError(error).message);
    // Who was told why not is to hear it: a reset would overtake that.
    if (socket.writableEnded) end.dismiss(parts.lingerMs);
    else end.abort();
  }
}

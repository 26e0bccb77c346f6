import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Session, Stream } from '@kwik/session';
import { formatHostPort } from '../address.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage } from '../protocol/framing.js';
import { type ListenRequest, PROTOCOL_VERSION } from '../protocol/messages.js';
import { splice } from '../tunnel/splice.js';
import { TcpEnd } from '../tunnel/tcp-end.js';

/** Read from the client's stream in one go; it has nothing to say there but its end. */
const DISCARD_BYTES = 1024;

interface ListenerParts {
  readonly session: Session;
  /** One more connection, until the function that it returns is called; throws when there are too many. */
  readonly enter: () => () => void;
}

/** A TCP port whose connections become streams to the client that asked for it. */
export class ForwardListener {
  readonly #server: Server;
  readonly #request: ListenRequest;
  readonly #parts: ListenerParts;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, request: ListenRequest, parts: ListenerParts) {
    this.#server = server;
    this.#request = request;
    this.#parts = parts;
    server.on('connection', (socket) => void this.#carry(socket));
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(request: ListenRequest, parts: ListenerParts): Promise<ForwardListener> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(request.port, request.host);
    await once(server, 'listening');
    return new ForwardListener(server, request, parts);
  }

  /** Until the client ends its stream, or its session ends. Never rejects. */
  async serve(stream: Stream, reader: ByteReader, signal: AbortSignal): Promise<void> {
    const { address, port } = this.#server.address() as AddressInfo;
    try {
      await stream.write(encodeMessage({ ok: true, address: formatHostPort({ host: address, port }) }));
      while ((await reader.readSome(DISCARD_BYTES, signal)) !== null);
      await stream.close();
    } catch {
      // The client or its session has gone.
    } finally {
      this.#server.close();
      for (const socket of this.#sockets) socket.resetAndDestroy();
    }
  }

  async #carry(socket: Socket): Promise<void> {
    const end = new TcpEnd(socket);
    let leave: (() => void) | undefined;
    this.#sockets.add(socket);
    try {
      leave = this.#parts.enter();
      const stream = await this.#parts.session.openStreamWhenReady({ signal: end.gone });
      const from = formatHostPort({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
      await stream.write(
        encodeMessage({ v: PROTOCOL_VERSION, op: 'accepted', listener: this.#request.listener, from }),
      );
      await splice(end, stream, new ByteReader(stream));
    } catch {
      end.abort();
    } finally {
      this.#sockets.delete(socket);
      leave?.();
    }
  }
}

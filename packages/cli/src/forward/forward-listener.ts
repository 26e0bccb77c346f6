import type { Socket } from 'node:net';
import type { Session, Stream } from '@kwik/session';
import { formatHostPort } from '../address.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage } from '../protocol/framing.js';
import { type ListenRequest, PROTOCOL_VERSION } from '../protocol/messages.js';
import { splice } from '../tunnel/splice.js';
import { TcpEnd } from '../tunnel/tcp-end.js';
import { TcpListener } from '../tunnel/tcp-listener.js';

/** Read from the client's stream in one go; it has nothing to say there but its end. */
const DISCARD_BYTES = 1024;
/** A client that grants no stream for a connection, or does not take what it is told, is waited for so long. */
const PATIENCE_MS = 15_000;
const RESET_GIVEN_UP = 0;

interface ListenerParts {
  readonly session: Pick<Session, 'openStreamWhenReady'>;
  /** The most that are open at once, for this port as for all. */
  readonly maxConnections: number;
  /** One more connection, until the function that it returns is called; throws when there are too many. */
  readonly enter: () => () => void;
  /** Default: 15 s. */
  readonly patienceMs?: number;
}

/** A TCP port whose connections become streams to the client that asked for it. */
export class ForwardListener {
  readonly #listener: TcpListener;

  private constructor(listener: TcpListener) {
    this.#listener = listener;
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(request: ListenRequest, parts: ListenerParts): Promise<ForwardListener> {
    const listener = await TcpListener.open({
      listen: request,
      maxConnections: parts.maxConnections,
      onSocket: (socket) => void carry(socket, request, parts),
      // A client's wish is no reason to stop; who could not be accepted sees that, and tries again.
      onError: () => undefined,
    });
    return new ForwardListener(listener);
  }

  /** `host:port`. */
  get address(): string {
    return this.#listener.address;
  }

  /** Until the client ends its stream, or its session ends. Never rejects. */
  async serve(stream: Stream, reader: ByteReader, signal: AbortSignal): Promise<void> {
    const told = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      await stream.write(encodeMessage({ ok: true, address: this.address }), { signal: told });
      while ((await reader.readSome(DISCARD_BYTES, signal)) !== null);
      // The port is to be free by the time the client has its answer, and also if that never arrives.
      this.#listener.close();
      await stream.close();
    } catch {
      // The client or its session has gone.
    } finally {
      this.#listener.close();
    }
  }
}

async function carry(socket: Socket, { listener }: ListenRequest, parts: ListenerParts): Promise<void> {
  const end = new TcpEnd(socket);
  let leave: (() => void) | undefined;
  let stream: Stream | undefined;
  try {
    leave = parts.enter();
    const limit = AbortSignal.any([end.gone, AbortSignal.timeout(parts.patienceMs ?? PATIENCE_MS)]);
    stream = await parts.session.openStreamWhenReady({ signal: limit });
    const from = formatHostPort({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
    const message = { v: PROTOCOL_VERSION, op: 'accepted', listener, from };
    await stream.write(encodeMessage(message), { signal: limit });
    await splice(end, stream, new ByteReader(stream));
  } catch {
    end.abort();
    stream?.reset(RESET_GIVEN_UP);
    stream?.stopSending(RESET_GIVEN_UP);
  } finally {
    leave?.();
  }
}

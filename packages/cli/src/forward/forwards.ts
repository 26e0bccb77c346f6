import type { Session, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import type { HostPort } from '../address.js';
import { reportError } from '../errors.js';
import type { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage } from '../protocol/framing.js';
import type { ConnectRequest, ConnectUdpRequest, ListenRequest } from '../protocol/messages.js';
import { UdpSessions } from '../protocol/udp-flows.js';
import { nameOfTarget } from '../tunnel/forward-spec.js';
import { splice } from '../tunnel/splice.js';
import { connectTcp, TcpEnd } from '../tunnel/tcp-end.js';
import { ForwardListener } from './forward-listener.js';
import { UdpForward } from './udp-forward.js';

/** Connections of all sessions at once; each has a descriptor, and buffers. */
const MAX_CONNECTIONS = 4096;
/** Ports that one session may have opened here. */
const MAX_LISTENERS = 16;
const CONNECT_TIMEOUT_MS = 10_000;
/** A client that does not take the answer to its own request is waited for so long. */
const ANSWER_TIMEOUT_MS = 15_000;
const RESET_GIVEN_UP = 0;

export interface ForwardRules {
  /** `HOST:PORT` to which clients may have connections made. */
  readonly allow: readonly HostPort[];
  /** The same, by UDP. */
  readonly allowUdp: readonly HostPort[];
  /** `HOST:PORT` on which clients may have this server listen; port 0 stands for every port. */
  readonly listen: readonly HostPort[];
}

/** The connections that this server makes and accepts for its clients: to where its lists say, and nowhere else. */
export class Forwards {
  readonly #allowed: ReadonlySet<string>;
  readonly #allowedUdp: ReadonlySet<string>;
  readonly #listen: ReadonlySet<string>;
  readonly #udp = new UdpSessions();
  readonly #listeners = new WeakMap<Session, number>();
  #connections = 0;

  constructor({ allow, allowUdp, listen }: ForwardRules) {
    this.#allowed = new Set(allow.map(nameOfTarget));
    this.#allowedUdp = new Set(allowUdp.map(nameOfTarget));
    this.#listen = new Set(listen.map(nameOfTarget));
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * Connects the stream to where the client asks, and resolves when it is; what follows goes on by itself. Rejects, with
   * what the client is told, when that is not allowed or cannot be reached.
   */
  async connect(stream: Stream, reader: ByteReader, request: ConnectRequest, signal: AbortSignal): Promise<void> {
    const name = nameOfTarget(request);
    if (!this.#allowed.has(name)) {
      const advice = this.#allowed.size === 0 ? 'it forwards nowhere' : 'it is not on its list (--forward-allow)';
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `the server does not connect to ${name}: ${advice}`);
    }
    const leave = this.#enter();
    try {
      const socket = await connectTcp(request, { timeoutMs: CONNECT_TIMEOUT_MS, signal });
      const end = new TcpEnd(socket);
      const limit = AbortSignal.any([end.gone, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
      void stream
        .write(encodeMessage({ ok: true }), { signal: limit })
        .then(
          () => splice(end, stream, reader),
          () => {
            end.abort();
            stream.reset(RESET_GIVEN_UP);
            stream.stopSending(RESET_GIVEN_UP);
          },
        )
        .finally(leave);
    } catch (error) {
      leave();
      throw cannotReach(name, error);
    }
  }

  /** Sends the client's datagrams of this flow to where it asks, and the answers back, as long as its stream is open. */
  async connectUdp(
    session: Session,
    stream: Stream,
    reader: ByteReader,
    request: ConnectUdpRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const name = nameOfTarget(request);
    if (!this.#allowedUdp.has(name)) {
      const advice = this.#allowedUdp.size === 0 ? 'it forwards no UDP' : 'it is not on its list (--forward-allow-udp)';
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `the server does not send UDP to ${name}: ${advice}`);
    }
    const leave = this.#enter();
    let forward: UdpForward | undefined;
    try {
      forward = await UdpForward.open(this.#udp.of(session), request, { signal });
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
      await stream.write(encodeMessage({ ok: true }), { signal: limit });
      void forward.serve(stream, reader, signal).finally(leave);
    } catch (error) {
      forward?.close();
      leave();
      throw cannotReach(name, error);
    }
  }

  /** Listens for the client as long as its stream is open. Rejects, with what the client is told, when it may not. */
  async listen(
    session: Session,
    stream: Stream,
    reader: ByteReader,
    request: ListenRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const name = nameOfTarget(request);
    if (!this.#listen.has(name) && !this.#listen.has(nameOfTarget({ host: request.host, port: 0 }))) {
      const advice = this.#listen.size === 0 ? 'it does so for no client' : 'it is not on its list (--forward-listen)';
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `the server does not listen on ${name}: ${advice}`);
    }
    const listeners = this.#listeners.get(session) ?? 0;
    if (listeners >= MAX_LISTENERS) {
      throw new KwikError(
        'ERR_KWIK_LIMIT_EXCEEDED',
        `the server listens on ${MAX_LISTENERS} ports for a client, no more`,
      );
    }
    this.#listeners.set(session, listeners + 1);
    const leave = (): void => void this.#listeners.set(session, (this.#listeners.get(session) ?? 1) - 1);
    try {
      const enter = (): (() => void) => this.#enter();
      const listener = await ForwardListener.open(request, { session, maxConnections: MAX_CONNECTIONS, enter });
      void listener.serve(stream, reader, signal).finally(leave);
    } catch (error) {
      leave();
      throw cannotReach(name, error);
    }
  }

  /** One more connection. Returns what takes it off again; throws when there are too many. */
  #enter(): () => void {
    if (this.#connections >= MAX_CONNECTIONS) {
      const text = `the server has its ${MAX_CONNECTIONS} forwarded connections; try later`;
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', text);
    }
    this.#connections += 1;
    let entered = true;
    return () => {
      if (entered) this.#connections -= 1;
      entered = false;
    };
  }
}

/** The client may know: it was allowed to ask. */
function cannotReach(name: string, error: unknown): KwikError {
  if (error instanceof KwikError) return error;
  return new KwikError('ERR_KWIK_CONNECT_FAILED', `${name}: ${reportError(error).message}`, { cause: error });
}

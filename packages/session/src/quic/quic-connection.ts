import { KwikError } from '@kwik/wire';
import type { CloseInfo, ServerSession, Session, Stream } from '../api/session.js';
import { splitAddress } from './addresses.js';
import { errorOfClose } from './close-errors.js';
import {
  ErrorQUICConnectionConfigInvalid,
  ErrorQUICConnectionNotRunning,
  ErrorQUICStreamLimit,
  type ConnectionError,
  type ErrorQUICConnection,
} from './errors.js';
import { IdleWatch, type IdleOptions } from './idle-watch.js';
import { idOfEnd, QUICConnectionId } from './connection-id.js';
import { Evented } from './evented.js';
import {
  EventQUICConnectionClose,
  EventQUICConnectionError,
  EventQUICConnectionStop,
  EventQUICConnectionStopped,
  EventQUICConnectionStream,
  EventQUICStreamDestroyed,
} from './events.js';
import { engineOf } from './session-parts.js';
import { QUICStream } from './quic-stream.js';
import type { ConnectionMetadata, Host, Port, StopOptions, StreamCodes, StreamId } from './types.js';

/** After a forced stop, how long what was written and ended may still take to reach the peer, milliseconds. */
const LINGER_MS = 1000;
/** How long a stream may be under way whose opener did not know of the end: half a round trip, and the turns of both ends. */
const UNDER_WAY_RTTS = 1;
const MIN_UNDER_WAY_MS = 20;
const MAX_CODE = 0xffff_ffff;

export interface QUICConnectionParts {
  readonly session: Session | ServerSession;
  readonly above: Evented;
  readonly codes: StreamCodes;
  readonly local: { readonly host: Host; readonly port: Port };
  readonly certificates: { readonly [whose in 'local' | 'ca' | 'remote']: readonly Uint8Array[] };
  readonly idle: IdleOptions;
}

/** A connection in the shape of @matrixai/quic's, over a KWIK session. */
export class QUICConnection extends Evented {
  readonly type: 'client' | 'server';
  /** The KWIK session. At a server it is a ServerSession: `addPath` brings in further servers. */
  readonly session: Session | ServerSession;
  /** Resolves when the session has ended. */
  readonly closedP: Promise<void>;
  readonly #parts: QUICConnectionParts;
  readonly #streams = new Map<StreamId, QUICStream>();
  /** Ends of streams that the peer's session has not acknowledged; as many at most as streams may be open. */
  readonly #undelivered = new Set<Promise<void>>();
  readonly #remote: { host: Host; port: Port };
  /** Streams of the peer of which nothing has come yet. */
  readonly #surfacing = new Set<Promise<void>>();
  /** Streams that the peer opens from now on are refused. */
  #refusing = false;
  #closed = false;
  /** The last error: what streams are destroyed with. */
  #error: ErrorQUICConnection | null = null;
  #stopping: Promise<void> | undefined;
  #ending: ConnectionError | undefined;

  constructor(parts: QUICConnectionParts) {
    super(parts.above);
    this.#parts = parts;
    this.session = parts.session;
    this.type = parts.session.role === 'client' ? 'client' : 'server';
    this.#remote = splitAddress(parts.session.getAllPaths()[0]?.address ?? '');
    this.closedP = parts.session.closed.then((info) => this.#onClosed(info));
    new IdleWatch(engineOf(parts.session), parts.idle);
    // Whoever gets the connection now, by an event or a promise, has registered its listeners by then.
    setImmediate(() => void this.#acceptStreams());
  }

  /** The same at both ends. */
  get connectionIdShared(): QUICConnectionId {
    return QUICConnectionId.fromString(this.session.id);
  }

  get connectionId(): QUICConnectionId {
    return idOfEnd(this.session.id, this.type);
  }

  get connectionIdPeer(): QUICConnectionId {
    return idOfEnd(this.session.id, this.type === 'client' ? 'server' : 'client');
  }

  get remoteHost(): Host {
    return this.#remote.host;
  }

  get remotePort(): Port {
    return this.#remote.port;
  }

  get localHost(): Host {
    return this.#parts.local.host;
  }

  get localPort(): Port {
    return this.#parts.local.port;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Throws ErrorQUICStreamLimit when the peer allows no more streams of this kind, or too many are open. */
  newStream(type: 'bidi' | 'uni' = 'bidi'): QUICStream {
    if (this.#closed || this.#stopping !== undefined) throw new ErrorQUICConnectionNotRunning();
    try {
      return this.#adopt(this.session.openStream({ unidirectional: type === 'uni' }), 'local');
    } catch (error) {
      if (!(error instanceof KwikError)) throw error;
      if (error.code === 'ERR_KWIK_STREAM_LIMIT') throw new ErrorQUICStreamLimit(error.message, { cause: error });
      throw new ErrorQUICConnectionNotRunning(error.message, { cause: error });
    }
  }

  /** Ends streams and connection; resolves when all is ended. */
  stop(options: StopOptions = {}): Promise<void> {
    const { isApp = true, errorCode = 0, reason = new Uint8Array(), force = true } = options;
    if (!Number.isInteger(errorCode) || errorCode < 0 || errorCode > MAX_CODE) {
      return Promise.reject(new ErrorQUICConnectionConfigInvalid(`errorCode ${errorCode} is not from 0 to 2^32-1`));
    }
    if (force && this.#stopping !== undefined) this.destroyStreams(this.#error);
    this.#stopping ??= this.#stop({ isApp, errorCode, reason }, force);
    return this.#stopping;
  }

  /** Gives up all streams, in the background; the connection stays. */
  destroyStreams(reason?: unknown): void {
    for (const stream of this.#streams.values()) stream.cancel(reason);
  }

  /** How it was closed, and by whom not; undefined while it is open or when it was lost. */
  getConnectionError(): ConnectionError | undefined {
    const data = this.#error?.data;
    return data?.['errorCode'] === undefined ? undefined : (data as unknown as ConnectionError);
  }

  getLocalCACertsChain(): readonly Uint8Array[] {
    return this.#parts.certificates.ca;
  }

  getLocalCertsChain(): readonly Uint8Array[] {
    return this.#parts.certificates.local;
  }

  /** Of the server that was dialled; at a server, of a client that was asked for one. */
  getRemoteCertsChain(): readonly Uint8Array[] {
    return this.#parts.certificates.remote;
  }

  meta(): ConnectionMetadata {
    return {
      localHost: this.localHost,
      localPort: this.localPort,
      remoteHost: this.remoteHost,
      remotePort: this.remotePort,
      localCertsChain: this.getLocalCertsChain(),
      localCACertsChain: this.getLocalCACertsChain(),
      remoteCertsChain: this.getRemoteCertsChain(),
    };
  }

  /** For streams: what is to be told to the peer, while there is one. */
  ifOpen(tell: () => void): void {
    if (!this.#closed) tell();
  }

  /** For streams: `end` settles when the peer's session has all that was written. */
  lingerFor(end: Promise<void>): void {
    const settled = end.catch(() => undefined).finally(() => this.#undelivered.delete(settled));
    this.#undelivered.add(settled);
  }

  async #acceptStreams(): Promise<void> {
    while (!this.#closed) {
      let stream: Stream;
      try {
        stream = await this.session.acceptStream();
      } catch {
        return;
      }
      const surfacing = this.#surface(stream, this.#refusing);
      this.#surfacing.add(surfacing);
      void surfacing.finally(() => this.#surfacing.delete(surfacing));
    }
  }

  /** As in QUIC, a stream exists for the peer of its opener from its first byte, end or reset on. */
  async #surface(stream: Stream, refused: boolean): Promise<void> {
    const first = stream.read();
    await first.catch(() => undefined);
    if (this.#closed) return;
    if (refused) {
      stream.stopSending();
      if ((stream.id & 2n) === 0n) stream.reset();
      return;
    }
    this.dispatchEvent(new EventQUICConnectionStream({ detail: this.#adopt(stream, 'peer', first) }));
  }

  #adopt(stream: Stream, initiated: 'local' | 'peer', first?: Promise<Uint8Array | null>): QUICStream {
    const parts = { connection: this, stream, initiated, codes: this.#parts.codes };
    const adopted = QUICStream.createQUICStream(first === undefined ? parts : { ...parts, first });
    this.#streams.set(adopted.streamId, adopted);
    const forget = (): void => void this.#streams.delete(adopted.streamId);
    adopted.addEventListener(EventQUICStreamDestroyed.name, forget, { once: true });
    return adopted;
  }

  async #stop(ending: ConnectionError, force: boolean): Promise<void> {
    this.dispatchEvent(new EventQUICConnectionStop());
    // What the application did in this turn is done before.
    await Promise.resolve();
    if (!force) await this.#awaitStreamsUnderWay();
    this.#refusing = true;
    await this.#endStreams(force);
    if (!this.#closed) {
      this.#ending = ending;
      await this.session.close(ending.errorCode, new TextDecoder().decode(ending.reason));
    }
    await this.closedP;
    this.dispatchEvent(new EventQUICConnectionStopped());
  }

  /**
   * What the peer had opened before it could know. A connection with streams goes on for these, and others are refused; one
   * without would end at once, in the face of those that are under way.
   */
  async #awaitStreamsUnderWay(): Promise<void> {
    if (this.#streams.size === 0 && !this.#closed) {
      const rttMs = this.session.getAllPaths()[0]?.rttMs ?? 0;
      await atMost(this.closedP, Math.max(MIN_UNDER_WAY_MS, UNDER_WAY_RTTS * rttMs));
    }
    await atMost(Promise.all(this.#surfacing), LINGER_MS);
  }

  async #endStreams(force: boolean): Promise<void> {
    const streams = [...this.#streams.values()];
    await Promise.all(streams.map((stream) => stream.destroy({ force: force || this.#closed, reason: this.#error })));
    const delivered = Promise.all(this.#undelivered);
    await (force ? atMost(delivered, LINGER_MS) : delivered);
  }

  /** Every end of a connection is an error there, graceful or not. */
  #onClosed(info: CloseInfo): void {
    this.#closed = true;
    const error = errorOfClose(info, this.#ending);
    this.#error = error;
    this.dispatchEvent(new EventQUICConnectionError({ detail: error }));
    this.dispatchEvent(new EventQUICConnectionClose({ detail: error }));
    this.destroyStreams(error);
    void this.stop();
  }
}

/** Resolves with `promise`, or after `ms`. */
async function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise, time]);
  clearTimeout(timer);
}

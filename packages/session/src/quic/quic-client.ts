import { KwikError } from '@kwik/wire';
import { connect, type DialledSession } from './connect.js';
import { codesOf } from './codes.js';
import { derCertificates, idleOptions } from './config.js';
import { ErrorQUICClientDestroyed, ErrorQUICClientSocketNotRunning } from './errors.js';
import { Evented } from './evented.js';
import {
  EventQUICClientClose,
  EventQUICClientDestroy,
  EventQUICClientDestroyed,
  EventQUICClientError,
  EventQUICConnectionError,
  EventQUICConnectionStopped,
  type EventQUICConnectionError as ConnectionErrorEvent,
} from './events.js';
import { QUICConnection } from './quic-connection.js';
import { engineOf, firstTransport } from './session-parts.js';
import type { ContextTimedInput, Host, Port, PromiseCancellable, QUICClientOptions, StopOptions } from './types.js';

/** A client in the shape of @matrixai/quic's: one connection, over a KWIK session. */
export class QUICClient extends Evented {
  readonly isSocketShared: boolean;
  readonly connection: QUICConnection;
  /** Resolves when the connection has ended. */
  readonly closedP: Promise<void>;
  #closed = false;
  #destroyed: Promise<void> | undefined;

  /**
   * Connects. Rejects with ErrorQUICClientCreateTimeout (`ctx.timer`), the reason of `ctx.signal` or of `cancel`,
   * ErrorQUICConfig, ErrorQUICConnectionLocalTLS (the server's certificate), ErrorQUICConnectionLocal or …Peer.
   */
  static createQUICClient(options: QUICClientOptions, ctx: ContextTimedInput = {}): PromiseCancellable<QUICClient> {
    const cancelled = new AbortController();
    const signal = ctx.signal === undefined ? cancelled.signal : AbortSignal.any([ctx.signal, cancelled.signal]);
    const made = connect(options, ctx, signal).then((dialled) => new QUICClient(dialled, options));
    return Object.assign(made, { cancel: (reason?: unknown): void => cancelled.abort(reason) });
  }

  /** Programs use `createQUICClient`. */
  constructor({ session, release }: DialledSession, options: QUICClientOptions) {
    super();
    const { config = {}, localHost = '::', socket } = options;
    const transport = firstTransport(session);
    this.isSocketShared = socket !== undefined;
    this.connection = new QUICConnection({
      session,
      above: this,
      codes: codesOf(options),
      local: { host: socket === undefined ? localHost : socket.host, port: transport?.local.port ?? 0 },
      certificates: {
        local: derCertificates(config.cert),
        ca: derCertificates(config.ca),
        remote: [...(transport?.peerCertificates ?? [])],
      },
      idle: idleOptions(config),
    });
    const leave = socket?.use({ socketStopped: () => this.#socketStopped() });
    void this.connection.closedP.then(() => {
      leave?.();
      return release();
    });
    this.closedP = this.connection.closedP.then(() => void (this.#closed = true));
    this.connection.addEventListener(EventQUICConnectionError.name, (event: ConnectionErrorEvent) => {
      this.dispatchEvent(new EventQUICClientError({ detail: event.detail }));
      this.dispatchEvent(new EventQUICClientClose({ detail: event.detail }));
    });
    this.connection.addEventListener(EventQUICConnectionStopped.name, () => void this.destroy());
  }

  get host(): Host {
    return this.#alive().connection.remoteHost;
  }

  get port(): Port {
    return this.#alive().connection.remotePort;
  }

  get localHost(): Host {
    return this.#alive().connection.localHost;
  }

  /** Of the connection that the session began with. */
  get localPort(): Port {
    return this.#alive().connection.localPort;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Stops the connection and ends the client. Happens by itself when the connection ends. */
  destroy(options: StopOptions = {}): Promise<void> {
    if (options.force !== false && this.#destroyed !== undefined) this.connection.destroyStreams();
    this.#destroyed ??= this.#destroy(options);
    return this.#destroyed;
  }

  async #destroy(options: StopOptions): Promise<void> {
    this.dispatchEvent(new EventQUICClientDestroy());
    await this.connection.stop(options);
    await this.closedP;
    this.dispatchEvent(new EventQUICClientDestroyed());
  }

  #socketStopped(): void {
    this.dispatchEvent(new EventQUICClientError({ detail: new ErrorQUICClientSocketNotRunning() }));
    engineOf(this.connection.session).fail(new KwikError('ERR_KWIK_NO_PATH', 'the socket was stopped'));
  }

  #alive(): this {
    if (this.#closed) throw new ErrorQUICClientDestroyed();
    return this;
  }
}

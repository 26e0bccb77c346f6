import { KwikError } from '@kwik/wire';
import type { Session } from '../api/session.js';
import { dial } from '../client/dial.js';
import { resolveHost } from './addresses.js';
import { errorOfDial } from './close-errors.js';
import { codesOf } from './codes.js';
import { clientOptions, derCertificates } from './config.js';
import { ErrorQUICClientDestroyed, ErrorQUICClientInvalidArgument } from './errors.js';
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
import type { ContextTimedInput, Host, Port, PromiseCancellable, QUICClientOptions, StopOptions } from './types.js';

/** A client in the shape of @matrixai/quic's: one connection, over a KWIK session. */
export class QUICClient extends Evented {
  readonly isSocketShared = false;
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
    const made = connect(options, ctx, signal).then((session) => new QUICClient(session, options));
    return Object.assign(made, { cancel: (reason?: unknown): void => cancelled.abort(reason) });
  }

  /** Programs use `createQUICClient`. */
  constructor(session: Session, options: QUICClientOptions) {
    super();
    this.connection = new QUICConnection({
      session,
      above: this,
      codes: codesOf(options),
      local: { host: options.localHost ?? '::', port: 0 },
      certificates: { local: derCertificates(options.config?.cert), ca: derCertificates(options.config?.ca) },
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

  /** 0: a session binds a port of the system's choice for each address family, and does not show it. */
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

  #alive(): this {
    if (this.#closed) throw new ErrorQUICClientDestroyed();
    return this;
  }
}

async function connect(options: QUICClientOptions, ctx: ContextTimedInput, signal: AbortSignal): Promise<Session> {
  const { config = {}, host, port, localHost, kwik } = options;
  refuseSockets(options);
  const fromConfig = clientOptions(config);
  signal.throwIfAborted();
  try {
    const address = await resolveHost(host, options.resolveHostname);
    return await dial(
      { host: address, port },
      {
        ...fromConfig,
        serverName: options.serverName ?? host,
        ...(localHost !== undefined && localHost !== '::' && { localAddress: localHost }),
        ...timeout(ctx.timer),
        signal,
        ...kwik,
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof KwikError ? errorOfDial(error) : error;
  }
}

function timeout(timer: ContextTimedInput['timer']): { timeoutMs?: number } {
  const ms = typeof timer === 'object' ? timer.getTimeout() : timer;
  return ms === undefined || ms === Infinity ? {} : { timeoutMs: ms };
}

function refuseSockets(options: QUICClientOptions): void {
  const { socket, localPort = 0, reuseAddr = false, ipv6Only = false } = options;
  if (socket !== undefined || localPort !== 0 || reuseAddr || ipv6Only) {
    throw new ErrorQUICClientInvalidArgument(
      'socket, localPort, reuseAddr and ipv6Only cannot be had over KWIK: a session binds its own sockets',
    );
  }
}

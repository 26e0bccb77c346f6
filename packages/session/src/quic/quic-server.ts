import { KwikError } from '@kwik/wire';
import type { Listener, ServerSession } from '../api/session.js';
import { listen } from '../server/listen.js';
import { codesOf } from './codes.js';
import { derCertificates, serverOptions } from './config.js';
import {
  ErrorQUICClientInvalidArgument,
  ErrorQUICConfig,
  ErrorQUICServerNotRunning,
  ErrorQUICSocketInvalidBindAddress,
} from './errors.js';
import { Evented } from './evented.js';
import {
  EventQUICConnectionStopped,
  EventQUICServerClose,
  EventQUICServerConnection,
  EventQUICServerStart,
  EventQUICServerStarted,
  EventQUICServerStop,
  EventQUICServerStopped,
} from './events.js';
import { QUICConnection } from './quic-connection.js';
import type {
  Host,
  Port,
  QUICServerConfigInput,
  QUICServerOptions,
  StopOptions,
  StreamCodeToReason,
  StreamReasonToCode,
} from './types.js';

export interface StartOptions {
  /** `::` unless told: every address. */
  readonly host?: string;
  /** 0 unless told: the system chooses. */
  readonly port?: number;
  readonly reuseAddr?: boolean;
  readonly ipv6Only?: boolean;
}

/** A server in the shape of @matrixai/quic's, over a KWIK listener. */
export class QUICServer extends Evented {
  readonly isSocketShared = false;
  /** For connections to come. */
  reasonToCode: StreamReasonToCode | undefined;
  codeToReason: StreamCodeToReason | undefined;
  readonly minIdleTimeout: number | undefined;
  readonly #options: QUICServerOptions;
  #config: QUICServerConfigInput;
  readonly #connections = new Set<QUICConnection>();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #closedP: Promise<void>;
  #resolveClosed!: () => void;

  constructor(options: QUICServerOptions) {
    super();
    if (options.socket !== undefined) {
      throw new ErrorQUICClientInvalidArgument('socket cannot be had over KWIK: a listener binds its own');
    }
    this.#options = options;
    this.#config = options.config;
    this.reasonToCode = options.reasonToCode;
    this.codeToReason = options.codeToReason;
    this.minIdleTimeout = options.minIdleTimeout;
    this.#closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  get host(): Host {
    return this.#running().address().address;
  }

  get port(): Port {
    return this.#running().address().port;
  }

  /** True while no connections are accepted. */
  get closed(): boolean {
    return this.#listener === undefined;
  }

  get closedP(): Promise<void> {
    return this.#closedP;
  }

  /** Rejects with ErrorQUICSocketInvalidBindAddress or ErrorQUICConfig. */
  async start(options: StartOptions = {}): Promise<void> {
    if (this.#listener !== undefined) return;
    const { host = '::', port = 0, reuseAddr = false, ipv6Only = false } = options;
    if (reuseAddr || ipv6Only) {
      throw new ErrorQUICSocketInvalidBindAddress('reuseAddr and ipv6Only cannot be had over KWIK');
    }
    this.dispatchEvent(new EventQUICServerStart());
    const { onSecondary, ...kwik } = this.#options.kwik ?? {};
    const listener = await this.#listen({ host, port }, kwik);
    this.#listener = listener;
    void this.#accept(listener, onSecondary);
    this.dispatchEvent(new EventQUICServerStarted());
  }

  /** Stops all connections, then the listener. May be started again. */
  stop(options: StopOptions = {}): Promise<void> {
    if (this.#listener === undefined) return Promise.resolve();
    this.#stopping ??= this.#stop(this.#listener, options).finally(() => (this.#stopping = undefined));
    return this.#stopping;
  }

  /** Nothing to do: KWIK has its keys for tokens of its own. */
  updateCrypto(_crypto: unknown): void {
    return;
  }

  /** Takes effect at the next `start`. A running listener keeps its certificate, so there it throws ErrorQUICConfig. */
  updateConfig(config: Partial<QUICServerConfigInput>): void {
    if (this.#listener !== undefined) {
      throw new ErrorQUICConfig('a running KWIK listener keeps its config: stop it, update, start it again');
    }
    this.#config = { ...this.#config, ...config };
  }

  async #listen(where: { host: string; port: number }, kwik: Parameters<typeof listen>[0]): Promise<Listener> {
    const fromConfig = serverOptions(this.#config);
    const handshake = this.minIdleTimeout;
    const limits = {
      ...fromConfig.limits,
      ...(handshake !== undefined && Number.isFinite(handshake) && { handshakeTimeoutMs: handshake }),
    };
    try {
      return await listen({ ...fromConfig, ...where, limits, ...kwik });
    } catch (error) {
      const bad = error instanceof KwikError && error.code === 'ERR_KWIK_CREDENTIALS';
      const message = error instanceof Error ? error.message : String(error);
      throw bad
        ? new ErrorQUICConfig(message, { cause: error })
        : new ErrorQUICSocketInvalidBindAddress(message, { cause: error });
    }
  }

  async #accept(listener: Listener, onSecondary: ((session: ServerSession) => void) | undefined): Promise<void> {
    for await (const session of listener) {
      if (session.role === 'secondary') onSecondary?.(session);
      else this.#welcome(session);
    }
  }

  #welcome(session: ServerSession): void {
    const connection = new QUICConnection({
      session,
      above: this,
      codes: codesOf(this),
      local: { host: this.host, port: this.port },
      certificates: { local: derCertificates(this.#config.cert), ca: derCertificates(this.#config.ca) },
    });
    this.#connections.add(connection);
    connection.addEventListener(EventQUICConnectionStopped.name, () => void this.#connections.delete(connection));
    this.dispatchEvent(new EventQUICServerConnection({ detail: connection }));
  }

  async #stop(listener: Listener, options: StopOptions): Promise<void> {
    this.dispatchEvent(new EventQUICServerStop());
    await Promise.all([...this.#connections].map((connection) => connection.stop(options)));
    // Its connections have ended; what is left are sessions of which this server is a secondary.
    await listener.close({ force: true });
    this.#listener = undefined;
    this.dispatchEvent(new EventQUICServerClose({ detail: undefined }));
    this.#resolveClosed();
    this.#closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.dispatchEvent(new EventQUICServerStopped());
  }

  #running(): Listener {
    if (this.#listener === undefined) throw new ErrorQUICServerNotRunning();
    return this.#listener;
  }
}

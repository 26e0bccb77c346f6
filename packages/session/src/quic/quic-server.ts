import { KwikError } from '@kwik/wire';
import { systemClock } from '@kwik/quic';
import type { ListenOptions } from '../api/options.js';
import type { ServerSession } from '../api/session.js';
import { checkListenOptions } from '../options/listen-rules.js';
import { withMembers } from '../options/with-members.js';
import { listenWith, type UpdatableListener } from '../server/listen.js';
import { resolveHost } from './addresses.js';
import { codesOf } from './codes.js';
import { derCertificates, idleOptions, serverOptions } from './config.js';
import {
  ErrorQUICConfig,
  ErrorQUICServerNotRunning,
  ErrorQUICServerSocketNotRunning,
  ErrorQUICSocketInvalidBindAddress,
} from './errors.js';
import { Evented } from './evented.js';
import {
  EventQUICConnectionStopped,
  EventQUICServerClose,
  EventQUICServerConnection,
  EventQUICServerError,
  EventQUICServerStart,
  EventQUICServerStarted,
  EventQUICServerStop,
  EventQUICServerStopped,
} from './events.js';
import { QUICConnection } from './quic-connection.js';
import { engineOf, firstTransport } from './session-parts.js';
import { clientVerification } from './verification.js';
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
  /** Default: `::`, every address. */
  readonly host?: string;
  /** Default: 0, and the system chooses. */
  readonly port?: number;
  readonly reuseAddr?: boolean;
  readonly ipv6Only?: boolean;
}

/** A server in the shape of @matrixai/quic's, over a KWIK listener. */
export class QUICServer extends Evented {
  readonly isSocketShared: boolean;
  /** For connections to come. */
  reasonToCode: StreamReasonToCode | undefined;
  codeToReason: StreamCodeToReason | undefined;
  readonly minIdleTimeout: number | undefined;
  readonly #options: QUICServerOptions;
  #config: QUICServerConfigInput;
  readonly #connections = new Set<QUICConnection>();
  #listener: UpdatableListener | undefined;
  #leaveSocket: (() => void) | undefined;
  #stopping: Promise<void> | undefined;
  #closedP: Promise<void>;
  #resolveClosed!: () => void;

  constructor(options: QUICServerOptions) {
    super();
    this.isSocketShared = options.socket !== undefined;
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
    this.#leaveSocket = this.#options.socket?.use({ socketStopped: () => this.#socketStopped() });
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

  /**
   * For connections to come. While it runs, `key` and `cert` can be changed, and what is looked at for each connection
   * (idle times, `verifyCallback`); another change throws ErrorQUICConfig: stop, update, start.
   */
  updateConfig(config: Partial<QUICServerConfigInput>): void {
    const updated = { ...this.#config, ...config };
    if (this.#listener !== undefined) this.#update(this.#listener, updated);
    this.#config = updated;
  }

  #update(listener: UpdatableListener, config: QUICServerConfigInput): void {
    const { credentials, ...fixed } = this.#listenOptions(config);
    const { credentials: _, ...before } = this.#listenOptions(this.#config);
    if (JSON.stringify(fixed) !== JSON.stringify(before) || credentials === undefined) {
      throw new ErrorQUICConfig('a running KWIK listener keeps all but key and cert: stop it, update, start it again');
    }
    try {
      listener.updateCredentials(credentials);
    } catch (error) {
      throw new ErrorQUICConfig(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  #listenOptions(config: QUICServerConfigInput): ListenOptions {
    const fromConfig = serverOptions(config);
    const handshake = this.minIdleTimeout;
    const timeouts = {
      ...fromConfig.timeouts,
      ...(handshake !== undefined && Number.isFinite(handshake) && { handshakeMs: handshake }),
    };
    return { ...fromConfig, timeouts };
  }

  async #listen(where: { host: string; port: number }, kwik: ListenOptions): Promise<UpdatableListener> {
    const { socket, resolveHostname } = this.#options;
    if (socket?.closed === true) throw new ErrorQUICServerSocketNotRunning();
    const options = this.#listenOptions(this.#config);
    requireKnown(kwik);
    try {
      const host = socket?.host ?? (await resolveHost(where.host, resolveHostname, 'bind'));
      return await listenWith(withMembers({ ...options, ...where, host }, kwik), {
        ...(socket !== undefined && { endpoint: socket.endpoint }),
        anyClientCertificate: clientVerification(this.#config, systemClock()).unverified,
      });
    } catch (error) {
      const bad = error instanceof KwikError && error.code === 'ERR_KWIK_CREDENTIALS';
      const message = error instanceof Error ? error.message : String(error);
      throw bad
        ? new ErrorQUICConfig(message, { cause: error })
        : new ErrorQUICSocketInvalidBindAddress(message, { cause: error });
    }
  }

  async #accept(
    listener: UpdatableListener,
    onSecondary: ((session: ServerSession) => void) | undefined,
  ): Promise<void> {
    for await (const session of listener) {
      if (session.role === 'secondary') this.callbacks.call('onSecondary', onSecondary, session);
      else void this.#welcome(session);
    }
  }

  /** A client that TLS could not judge is judged before anything of it is shown to the program. */
  async #welcome(session: ServerSession): Promise<void> {
    const remote = [...(firstTransport(session)?.peerCertificates ?? [])];
    const { check } = clientVerification(this.#config, systemClock());
    try {
      await check?.(remote);
    } catch (error) {
      engineOf(session).fail(KwikError.from(error, 'ERR_KWIK_CERTIFICATE'));
      return;
    }
    if (this.#listener === undefined) return;
    const connection = new QUICConnection({
      session,
      above: this,
      codes: codesOf(this),
      local: { host: this.host, port: this.port },
      certificates: { local: derCertificates(this.#config.cert), ca: derCertificates(this.#config.ca), remote },
      idle: idleOptions(this.#config),
    });
    this.#connections.add(connection);
    connection.addEventListener(EventQUICConnectionStopped.name, () => void this.#connections.delete(connection));
    this.dispatchEvent(new EventQUICServerConnection({ detail: connection }));
  }

  #socketStopped(): void {
    this.dispatchEvent(new EventQUICServerError({ detail: new ErrorQUICServerSocketNotRunning() }));
    void this.stop({ force: true });
  }

  async #stop(listener: UpdatableListener, options: StopOptions): Promise<void> {
    this.dispatchEvent(new EventQUICServerStop());
    await Promise.all([...this.#connections].map((connection) => connection.stop(options)));
    // Its connections have ended; what is left are sessions of which this server is a secondary.
    await listener.close({ force: true });
    this.#leaveSocket?.();
    this.#listener = undefined;
    this.dispatchEvent(new EventQUICServerClose({ detail: undefined }));
    this.#resolveClosed();
    this.#closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.dispatchEvent(new EventQUICServerStopped());
  }

  #running(): UpdatableListener {
    if (this.#listener === undefined) throw new ErrorQUICServerNotRunning();
    return this.#listener;
  }
}

/** Throws ErrorQUICConfig for an option that `listen` does not have. */
function requireKnown(kwik: ListenOptions): void {
  try {
    checkListenOptions(kwik);
  } catch (error) {
    throw new ErrorQUICConfig(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

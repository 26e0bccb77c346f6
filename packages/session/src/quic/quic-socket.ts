import { Endpoint } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import { plainAddress, resolveHost } from './addresses.js';
import {
  ErrorQUICSocketConnectionsActive,
  ErrorQUICSocketInvalidBindAddress,
  ErrorQUICSocketInvalidSendAddress,
  ErrorQUICSocketNotRunning,
} from './errors.js';
import { Evented } from './evented.js';
import {
  EventQUICSocketClose,
  EventQUICSocketStart,
  EventQUICSocketStarted,
  EventQUICSocketStop,
  EventQUICSocketStopped,
} from './events.js';
import type { Host, Port, ResolveHostname } from './types.js';

/** A client's connection or a server, while it uses the socket. */
export interface SocketUser {
  /** The socket goes although it is in use. */
  socketStopped(): void;
}

/** A UDP socket in the shape of @matrixai/quic's, for several clients, or a server and clients. */
export class QUICSocket extends Evented {
  readonly #resolveHostname: ResolveHostname | undefined;
  readonly #users = new Set<SocketUser>();
  #endpoint: Endpoint | undefined;
  #closedP: Promise<void>;
  #resolveClosed!: () => void;

  constructor({ resolveHostname }: { resolveHostname?: ResolveHostname; logger?: unknown } = {}) {
    super();
    this.#resolveHostname = resolveHostname;
    this.#closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  get host(): Host {
    return this.endpoint.address().address;
  }

  get port(): Port {
    return this.endpoint.address().port;
  }

  get type(): 'ipv4' | 'ipv6' | 'ipv4&ipv6' {
    const { address, family } = this.endpoint.address();
    if (family === 'IPv4') return 'ipv4';
    return address === '::' ? 'ipv4&ipv6' : 'ipv6';
  }

  get closed(): boolean {
    return this.#endpoint === undefined;
  }

  get closedP(): Promise<void> {
    return this.#closedP;
  }

  /** What clients dial from and a server listens on. Throws ErrorQUICSocketNotRunning. */
  get endpoint(): Endpoint {
    if (this.#endpoint === undefined) throw new ErrorQUICSocketNotRunning();
    return this.#endpoint;
  }

  /** Rejects with ErrorQUICSocketInvalidBindAddress. */
  async start({
    host = '::',
    port = 0,
    reuseAddr = false,
    ipv6Only = false,
  }: SocketAddressOptions = {}): Promise<void> {
    if (this.#endpoint !== undefined) return;
    if (reuseAddr || ipv6Only) {
      throw new ErrorQUICSocketInvalidBindAddress('reuseAddr and ipv6Only cannot be had over KWIK');
    }
    this.dispatchEvent(new EventQUICSocketStart());
    try {
      this.#endpoint = await Endpoint.bind({ host: await resolveHost(host, this.#resolveHostname, 'bind'), port });
    } catch (error) {
      throw new ErrorQUICSocketInvalidBindAddress(error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
    this.dispatchEvent(new EventQUICSocketStarted());
  }

  /** Rejects with ErrorQUICSocketConnectionsActive while it is in use, unless `force` is true. */
  async stop({ force = false }: { force?: boolean } = {}): Promise<void> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return;
    if (!force && this.#users.size > 0) {
      throw new ErrorQUICSocketConnectionsActive(`Cannot stop socket with ${this.#users.size} clients or servers`);
    }
    this.#endpoint = undefined;
    this.dispatchEvent(new EventQUICSocketStop());
    await endpoint.close();
    for (const user of [...this.#users]) user.socketStopped();
    this.dispatchEvent(new EventQUICSocketClose({ detail: undefined }));
    this.#resolveClosed();
    this.#closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.dispatchEvent(new EventQUICSocketStopped());
  }

  /** A datagram of the program's own, for hole punching. */
  async send(message: string | Uint8Array, port: Port, address: Host): Promise<number> {
    const bytes = typeof message === 'string' ? new TextEncoder().encode(message) : message;
    try {
      this.endpoint.sendDatagram(bytes, port, plainAddress(address));
    } catch (error) {
      if (!(error instanceof KwikError)) throw error;
      throw new ErrorQUICSocketInvalidSendAddress(error.message, { cause: error });
    }
    return bytes.byteLength;
  }

  /** For clients and servers. Returns what ends it. */
  use(user: SocketUser): () => void {
    this.#users.add(user);
    return () => void this.#users.delete(user);
  }
}

export interface SocketAddressOptions {
  /** Default: `::`, every address. */
  readonly host?: string;
  /** Default: 0, the system chooses. */
  readonly port?: number;
  readonly reuseAddr?: boolean;
  readonly ipv6Only?: boolean;
}

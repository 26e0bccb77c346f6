import {
  KwikError,
  type AbortSignalLike,
  type Clock,
  type PathTransport,
  type TransportAddress,
  type TransportCloseInfo,
} from '@kwik/wire';

import type { ProcessClock } from '../clock/process-clock.js';
import type { LinkShape } from '../link/link-options.js';
import { SeededRandom } from '../random/seeded-random.js';
import { formatAddress, parseAddress } from './memory-address.js';
import { MemoryConnection } from './memory-connection.js';
import { MemoryLink } from './memory-link.js';
import type { MemoryPacket, PeerParameters } from './packet.js';

/** Sizes in bytes, times in milliseconds; the defaults are those of @kwik/quic. */
export interface MemoryConnectionOptions {
  /** DER certificates that the other side is shown; default none. */
  readonly certificates?: readonly Uint8Array[];
  /** Received and not yet read, per stream; default 4 MiB. */
  readonly streamWindowBytes?: number;
  /** The same per connection; default 8 MiB. */
  readonly connectionWindowBytes?: number;
  /** Streams that the peer may have open at once; default 128 each. */
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /** The smaller of both sides holds; default 30 000; 0: never. */
  readonly idleTimeoutMs?: number;
  /** Default 1350. */
  readonly datagramBytes?: number;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Of every random decision on every link; default 1. */
  readonly seed?: number;
  /** Shape of links that are not given one; default a perfect link. */
  readonly link?: LinkShape;
  /** The process that runs at a host, when it shall be able to sleep or to end; asked for each new connection. */
  readonly process?: (host: string) => ProcessClock | undefined;
}

export interface MemoryListenOptions extends MemoryConnectionOptions {
  /** Answer for a client's address; false refuses it. Default: all are welcome. */
  readonly accepts?: (client: TransportAddress) => boolean;
}

export interface MemoryDialOptions extends MemoryConnectionOptions {
  /** `host:port` of the server. */
  readonly to: string;
  /** The client's own host; default `127.0.0.1`. */
  readonly from?: string;
  /** Name of the link to take; default `to`. Connections of one name share one link. */
  readonly link?: string;
  /** Bound on the handshake; default 10 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignalLike;
}

export interface MemoryDialCallbacks {
  onConnected(transport: PathTransport): void;
  /** ERR_KWIK_TIMEOUT, ERR_KWIK_CONNECTION_REFUSED, ERR_KWIK_ABORTED. */
  onFailed(error: KwikError): void;
}

export interface MemoryListener {
  /** `host:port`, with the port that was chosen. */
  readonly address: string;
  /** No more connections; those that exist go on. */
  close(): void;
}

interface Listener {
  readonly address: TransportAddress;
  readonly options: MemoryListenOptions;
  readonly onConnection: (transport: PathTransport) => void;
}

interface Dialling {
  readonly callbacks: MemoryDialCallbacks;
  readonly stop: () => void;
}

const DEFAULT_DIAL_TIMEOUT_MS = 10_000;
const DEFAULT_DATAGRAM_BYTES = 1350;
/** How long an ended connection still answers packets with its close frame; three timeouts of a slow path. */
const CLOSING_MS = 3_000;
/** IANA's dynamic ports. */
const FIRST_DYNAMIC_PORT = 49_152;
const DYNAMIC_PORTS = 65_536 - FIRST_DYNAMIC_PORT;

/**
 * A network in memory. Connections are `PathTransport`s with everything a session can see of QUIC - streams, flow
 * control, windows, RTT, loss and retransmission, idle timeout, close codes - over links of the same model as `Link`.
 * With a `VirtualClock` every run of one seed is the same run.
 */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #defaultShape: LinkShape;
  readonly #process: (host: string) => ProcessClock | undefined;
  readonly #links = new Map<string, MemoryLink>();
  readonly #listeners = new Map<string, Listener>();
  readonly #clients = new Map<number, MemoryConnection>();
  readonly #servers = new Map<number, MemoryConnection>();
  readonly #dialling = new Map<MemoryConnection, Dialling>();
  #connections = 0;

  constructor(options: MemoryNetworkOptions) {
    this.#clock = options.clock;
    this.#random = new SeededRandom(options.seed ?? 1);
    this.#defaultShape = options.link ?? {};
    this.#process = options.process ?? (() => undefined);
  }

  /**
   * The link of this name, made on first use; `shape` changes it if it exists.
   * @throws KwikError ERR_KWIK_INVALID_ARGUMENT for an option that is not usable.
   */
  link(name: string, shape?: LinkShape): MemoryLink {
    const known = this.#links.get(name);
    if (known !== undefined) {
      for (const direction of ['both', 'up', 'down'] as const) known.configure(direction, shape?.[direction] ?? {});
      return known;
    }
    const made = new MemoryLink(name, shape ?? this.#defaultShape, this.#clock, this.#random.fork(`link ${name}`));
    this.#links.set(name, made);
    return made;
  }

  /**
   * Accepts connections at `host:port`; port 0 for a free one. `onConnection` is called when a client's first packet
   * has come.
   * @throws KwikError ERR_KWIK_INVALID_ARGUMENT when somebody listens there already.
   */
  listen(
    address: string,
    onConnection: (transport: PathTransport) => void,
    options: MemoryListenOptions = {},
  ): MemoryListener {
    const wanted = parseAddress(address);
    const actual = wanted.port === 0 ? { ...wanted, port: this.#dynamicPort() } : wanted;
    const key = formatAddress(actual);
    if (this.#listeners.has(key))
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `somebody listens on ${key} already`);
    const listener = { address: actual, options, onConnection };
    this.#listeners.set(key, listener);
    const close = (): void => {
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    };
    return { address: key, close };
  }

  /** Connects; settles while the clock advances. Rejects as `MemoryDialCallbacks.onFailed` says. */
  dial(options: MemoryDialOptions): Promise<PathTransport> {
    return new Promise((resolve, reject) => {
      this.connect(options, { onConnected: resolve, onFailed: reject });
    });
  }

  /** The same by callbacks, which are called from timers. */
  connect(options: MemoryDialOptions, callbacks: MemoryDialCallbacks): void {
    const remote = parseAddress(options.to);
    const local = parseAddress(`${bracketed(options.from ?? '127.0.0.1')}:${this.#dynamicPort()}`);
    const id = this.#connections;
    const connection = this.#makeConnection(
      'client',
      id,
      local,
      remote,
      this.link(options.link ?? options.to),
      options,
    );
    this.#clients.set(id, connection);
    const fail = (error: KwikError): void => this.#dialFailed(connection, error);
    const onAbort = (): void => fail(new KwikError('ERR_KWIK_ABORTED', `dialling ${options.to} was aborted`));
    const timeoutMs = options.timeoutMs ?? DEFAULT_DIAL_TIMEOUT_MS;
    const clock = this.#process(local.address) ?? this.#clock;
    const timer = clock.schedule(timeoutMs, () =>
      fail(new KwikError('ERR_KWIK_TIMEOUT', `no answer from ${options.to} within ${timeoutMs} ms`)),
    );
    const stop = (): void => {
      timer.cancel();
      options.signal?.removeEventListener('abort', onAbort);
    };
    this.#dialling.set(connection, { callbacks, stop });
    options.signal?.addEventListener('abort', onAbort);
    if (options.signal?.aborted === true) clock.schedule(0, onAbort);
    connection.start();
  }

  /** The process at `host:port` dies: it falls silent, in the middle of whatever it did. Its peers find out in time. */
  kill(address: string): void {
    const key = formatAddress(parseAddress(address));
    this.#listeners.delete(key);
    for (const one of this.#all()) if (formatAddress(one.local) === key) one.kill();
  }

  /** The transport ends at once by `error`, as when its interface goes away; the peer is not told. */
  fail(transport: PathTransport, error: KwikError): void {
    for (const one of this.#all()) if (one === transport) one.fail(error);
  }

  #all(): MemoryConnection[] {
    return [...this.#clients.values(), ...this.#servers.values()];
  }

  #makeConnection(
    side: 'client' | 'server',
    id: number,
    local: TransportAddress,
    remote: TransportAddress,
    link: MemoryLink,
    options: MemoryConnectionOptions,
  ): MemoryConnection {
    const datagramBytes = options.datagramBytes ?? DEFAULT_DATAGRAM_BYTES;
    const settings = { side, id, local, remote, link, parameters: parametersOf(options), datagramBytes };
    const clock = this.#process(local.address) ?? this.#clock;
    return new MemoryConnection(settings, {
      clock,
      transmit: (connection, packet, bytes) => this.#transmit(connection, packet, bytes),
      connected: (connection) => this.#connected(connection),
      ended: (connection, info) => this.#ended(connection, info),
    });
  }

  #transmit(connection: MemoryConnection, packet: MemoryPacket, bytes: number): void {
    const { id, link } = connection;
    const host = connection.remote.address;
    if (connection.side === 'client') {
      link.send('up', bytes, () => this.#arrive(host, () => this.#atServer(connection, packet, bytes)));
    } else {
      link.send('down', bytes, () => this.#arrive(host, () => this.#clients.get(id)?.receive(packet, bytes)));
    }
  }

  /** A datagram reached a host: its process hears of it when it runs. */
  #arrive(host: string, deliver: () => void): void {
    const process = this.#process(host);
    if (process === undefined) deliver();
    else process.input(deliver);
  }

  #atServer(client: MemoryConnection, packet: MemoryPacket, bytes: number): void {
    const server = this.#servers.get(client.id) ?? this.#accept(client, packet);
    server?.receive(packet, bytes);
  }

  /** Whoever is not known and does not begin a connection gets no answer, and neither where nobody listens. */
  #accept(client: MemoryConnection, packet: MemoryPacket): MemoryConnection | undefined {
    const listener = this.#listeners.get(formatAddress(client.remote));
    if (listener === undefined || packet.frames[0]?.kind !== 'hello') return undefined;
    if (listener.options.accepts?.(client.local) === false) {
      const refusal: MemoryPacket = { number: 0, acknowledged: [], frames: [], close: { code: 0, reason: REFUSED } };
      client.link.send('down', REFUSED.length, () => this.#clients.get(client.id)?.receive(refusal, REFUSED.length));
      return undefined;
    }
    const { local, remote, id, link } = client;
    const server = this.#makeConnection('server', id, remote, local, link, listener.options);
    this.#servers.set(id, server);
    return server;
  }

  #connected(connection: MemoryConnection): void {
    if (connection.side === 'server') {
      this.#listeners.get(formatAddress(connection.local))?.onConnection(connection);
      return;
    }
    const dialling = this.#takeDialling(connection);
    dialling?.callbacks.onConnected(connection);
  }

  #dialFailed(connection: MemoryConnection, error: KwikError): void {
    const dialling = this.#takeDialling(connection);
    if (dialling === undefined) return;
    connection.kill();
    dialling.callbacks.onFailed(error);
  }

  #ended(connection: MemoryConnection, info: TransportCloseInfo | undefined): void {
    const table = connection.side === 'client' ? this.#clients : this.#servers;
    if (info?.by === 'local') this.#clock.schedule(CLOSING_MS, () => table.delete(connection.id));
    else table.delete(connection.id);
    if (info === undefined) return;
    const error = info.error ?? new KwikError('ERR_KWIK_CONNECTION_REFUSED', `the server refused: ${info.reason}`);
    this.#takeDialling(connection)?.callbacks.onFailed(error);
  }

  #takeDialling(connection: MemoryConnection): Dialling | undefined {
    const dialling = this.#dialling.get(connection);
    this.#dialling.delete(connection);
    dialling?.stop();
    return dialling;
  }

  #dynamicPort(): number {
    return FIRST_DYNAMIC_PORT + (this.#connections++ % DYNAMIC_PORTS);
  }
}

const REFUSED = 'the server does not accept this connection';

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function parametersOf(options: MemoryConnectionOptions): PeerParameters {
  return {
    certificates: options.certificates ?? [],
    streamWindowBytes: options.streamWindowBytes ?? 4 * 1024 * 1024,
    connectionWindowBytes: options.connectionWindowBytes ?? 8 * 1024 * 1024,
    maxBidiStreams: options.maxBidiStreams ?? 128,
    maxUniStreams: options.maxUniStreams ?? 128,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
  };
}

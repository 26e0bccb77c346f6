import { setMaxListeners } from 'node:events';
import { isIPv6 } from 'node:net';
import {
  byDeadline,
  type Deadline,
  type DialOptions as EndpointDialOptions,
  type Endpoint,
  type HostLookup,
  raceAddresses,
  resolveHost,
  systemClock,
  type TrustOptions,
} from '@kwik/quic';
import { KwikError, sessionIdToBytes, type Clock, type PathTransport, type SessionId } from '@kwik/wire';
import type { DialOptions, DialTarget } from '../api/options.js';
import { resolveTimeouts } from '../options/timeouts.js';
import { developmentAuthority } from '../credentials/dev-authority.js';
import { transportOptions } from '../transport-options.js';
import { type EndpointLease, ownEndpoint, SharedEndpoints } from './shared-endpoints.js';
import { keyPin } from './server-conduct.js';
import { formatAddress, isLoopback } from './target.js';

export interface ConnectOptions {
  readonly serverName?: string | undefined;
  /** SHA-256 of the SPKI that the server must have, beside all that the client's trust asks, hexadecimal. */
  readonly requiredPin?: string | undefined;
  readonly timeoutMs: number;
  /** Says which of the numeric addresses of the target are dialled, and when: the time-out runs from then. */
  readonly admit?: ((addresses: readonly string[], port: number) => Promise<readonly string[]>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Local address to send from. */
  readonly localAddress?: string | undefined;
  /** The session that the connection is for: where several processes share the address, it leads to the one that has it. */
  readonly sessionId?: SessionId | undefined;
  /** What is written before the server has answered may be sent at once, and again by others. */
  readonly earlyData?: boolean | undefined;
}

export interface AgainOptions extends Pick<ConnectOptions, 'timeoutMs' | 'signal' | 'sessionId'> {
  /** The server proves later who it is, so its certificate may have another key than before, if the client trusts it. */
  readonly anyKey?: boolean | undefined;
}

/** Where paths come from: UDP in real life, a virtual network in simulations. */
export interface Connector {
  connect(target: DialTarget, options: ConnectOptions): Promise<PathTransport>;
  /**
   * A connection by way of the server at the other end of `relay`, which forwards the datagrams of a connection with this
   * source id, and at whose address the peer is. Absent where nothing forwards.
   */
  connectThrough?(relay: PathTransport, connectionId: Uint8Array, options: ConnectOptions): Promise<PathTransport>;
  /**
   * Another connection like one that is open: from the same socket to the same address.
   * Absent where there is none to be had; then no path gets new keys but by being lost.
   */
  connectAgain?(like: PathTransport, options: AgainOptions): Promise<PathTransport>;
  close(): Promise<void>;
}

/** A connector that makes further connections like one that is open. */
export type RepeatingConnector = Connector & Required<Pick<Connector, 'connectAgain'>>;

export function canConnectAgain(connector: Connector): connector is RepeatingConnector {
  return 'connectAgain' in connector;
}

/** What the connector needs of a UDP socket. */
export type DialEndpoint = Pick<Endpoint, 'dial' | 'flushed'>;

/** What `dial` never does, and the shape of @matrixai/quic may be asked to. */
export interface ConnectorSpecials {
  /** Accepts any certificate where neither the trust nor the primary says which: somebody else judges it. */
  readonly unverified?: boolean;
  /** Goes on asking where nobody listens yet. */
  readonly awaitServer?: boolean;
  /** The socket to dial from, where no other local address is asked for. */
  readonly endpoint?: DialEndpoint;
  /** The sockets to dial from otherwise. Default: those that all sessions of the process share. */
  readonly endpoints?: SharedEndpoints;
}

/** A connection, and how it was made. */
interface Dialled {
  readonly transport: PathTransport;
  readonly endpoint: DialEndpoint;
  readonly trust: TrustOptions;
  readonly serverName: string | undefined;
}

const CLOSED = 'the session is closed';

const endpoints = new SharedEndpoints();

/** Dials QUIC connections, from one UDP socket per local address, which other sessions may use as well. */
export class QuicConnector implements Connector {
  readonly #options: DialOptions;
  readonly #lookup: HostLookup | undefined;
  readonly #specials: ConnectorSpecials;
  readonly #clock: Clock;
  readonly #leases = new Map<string, Promise<EndpointLease>>();
  readonly #closing = new AbortController();
  /** What was dialled and may be open. */
  #transports: Dialled[] = [];
  #closed: Promise<void> | undefined;

  /** `lookup` resolves names. Default: by the system. */
  constructor(options: DialOptions, lookup?: HostLookup, specials: ConnectorSpecials = {}) {
    this.#options = options;
    this.#specials = specials;
    this.#lookup = lookup;
    this.#clock = options.runtime?.clock ?? systemClock();
    // As many dials as a session may have paths: none of them is forgotten.
    setMaxListeners(0, this.#closing.signal);
  }

  async connect(target: DialTarget, options: ConnectOptions): Promise<PathTransport> {
    const name = formatAddress(target.host, target.port);
    const signal = this.#signalFor(options);
    const deadlineFrom = (fromMs: number): Deadline => ({
      clock: this.#clock,
      atMs: fromMs + options.timeoutMs,
      signal,
      timedOut: () => new KwikError('ERR_KWIK_TIMEOUT', `no connection to ${name} in ${options.timeoutMs} ms`),
      aborted: (cause) => new KwikError('ERR_KWIK_ABORTED', `the dial to ${name} was aborted`, { cause }),
    });
    let deadline = deadlineFrom(this.#clock.now());
    let addresses = await byDeadline(resolveHost(target.host, this.#lookup), deadline);
    if (options.admit !== undefined) {
      addresses = requireSome(await options.admit(addresses, target.port), target);
      this.#requireOpen();
      deadline = deadlineFrom(this.#clock.now());
    }
    const trust = await this.#trust(target, options.requiredPin);
    // One that begins early is taken before anybody has answered.
    const earlyData = options.earlyData === true && addresses.length === 1;
    return raceAddresses({
      target: name,
      addresses,
      clock: this.#clock,
      signal,
      nameOf: (address) => address,
      attempt: (address, raceSignal) =>
        this.#attempt(address, target, trust, { ...options, signal: raceSignal, earlyData }, deadline),
      discard: (transport) => transport.close(0, 'another address was faster'),
    });
  }

  async connectThrough(
    relay: PathTransport,
    connectionId: Uint8Array,
    options: ConnectOptions,
  ): Promise<PathTransport> {
    this.#requireOpen();
    // From the very socket of the relay's path: by its address the relay knows the client.
    const endpoint = this.#transports.find(({ transport }) => transport === relay)?.endpoint;
    if (endpoint === undefined) throw new KwikError('ERR_KWIK_PATH_DEAD', 'the path to the relay is gone');
    const { address: host, port } = relay.remote;
    const trust = await this.#trust({ host, port }, options.requiredPin);
    const signal = this.#signalFor(options);
    return this.#dial(endpoint, { host, port, trust, connectionId }, { ...options, signal });
  }

  async connectAgain(
    like: PathTransport,
    { timeoutMs, signal, sessionId, anyKey = false }: AgainOptions,
  ): Promise<PathTransport> {
    this.#requireOpen();
    const dialled = this.#transports.find(({ transport }) => transport === like);
    if (dialled === undefined) throw new KwikError('ERR_KWIK_PATH_DEAD', 'the connection is gone');
    const { endpoint, trust, serverName } = dialled;
    const { requiredPin: _pin, ...ofAnyKey } = trust;
    const { address: host, port } = like.remote;
    const requiredPin = anyKey ? undefined : keyPin(like);
    const asked = requiredPin === undefined ? ofAnyKey : { ...trust, requiredPin };
    const options = { timeoutMs, serverName, sessionId, signal: this.#signalFor({ signal }) };
    return this.#dial(endpoint, { host, port, trust: asked }, options);
  }

  #signalFor({ signal }: Pick<ConnectOptions, 'signal'>): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  async #attempt(
    address: string,
    target: DialTarget,
    trust: TrustOptions,
    options: ConnectOptions,
    deadline: Deadline,
  ): Promise<PathTransport> {
    const endpoint = await this.#endpoint(address, options.localAddress);
    const timeoutMs = Math.max(1, deadline.atMs - this.#clock.now());
    const serverName = options.serverName ?? target.host;
    const { early, resumption = early?.repeatable === true || options.earlyData === true } = this.#options;
    const to = { host: address, port: target.port, trust, resumption, earlyData: options.earlyData === true };
    return this.#dial(endpoint, to, { ...options, serverName, timeoutMs });
  }

  async #dial(
    endpoint: DialEndpoint,
    to: Pick<EndpointDialOptions, 'host' | 'port' | 'trust' | 'connectionId' | 'resumption' | 'earlyData'>,
    options: ConnectOptions,
  ): Promise<PathTransport> {
    const { auth = [], transport: wanted, timeouts } = this.#options;
    const certificate = auth.find((way) => way.certificate !== undefined)?.certificate;
    const transport = await endpoint.dial({
      ...to,
      ...(options.serverName !== undefined && { serverName: options.serverName }),
      timeoutMs: options.timeoutMs,
      ...(certificate !== undefined && { certificate: { certPem: certificate.cert, keyPem: certificate.key } }),
      transport: transportOptions(wanted, resolveTimeouts(timeouts).idleMs),
      ...(options.signal !== undefined && { signal: options.signal }),
      ...(options.sessionId !== undefined && { worker: sessionIdToBytes(options.sessionId)[0]! }),
      ...(this.#specials.awaitServer === true && { awaitServer: true }),
    });
    if (this.#closed !== undefined) transport.close(0, CLOSED);
    this.#requireOpen();
    this.#transports = this.#transports.filter((known) => !known.transport.closed);
    this.#transports.push({ transport, endpoint, trust: to.trust, serverName: options.serverName });
    return transport;
  }

  /** Gives up dials under way, closes what was dialled, and resolves when all of it has left. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new KwikError('ERR_KWIK_ABORTED', CLOSED));
    const leases = await Promise.allSettled(this.#leases.values());
    await Promise.all(
      this.#transports.map(({ transport, endpoint }) => {
        transport.close(0, CLOSED);
        return endpoint.flushed(transport);
      }),
    );
    await Promise.all(leases.map(async (lease) => lease.status === 'fulfilled' && (await lease.value.release())));
  }

  async #trust(target: DialTarget, requiredPin: string | undefined): Promise<TrustOptions> {
    const own = await this.#ownTrust(target);
    return requiredPin === undefined ? own : { ...own, requiredPin };
  }

  /** What the client itself asks of every server. */
  async #ownTrust(target: DialTarget): Promise<TrustOptions> {
    const { ca, trustDomains, pins = [] } = this.#options.trust ?? {};
    if (ca !== undefined || trustDomains !== undefined || pins.length > 0) {
      const authorities = { ...(ca !== undefined && { ca }), ...(trustDomains !== undefined && { trustDomains }) };
      return { ...authorities, ...(pins.length > 0 && { pins }) };
    }
    if (this.#specials.unverified === true) return { unverified: true };
    if (!isLoopback(target.host)) {
      throw new KwikError(
        'ERR_KWIK_CREDENTIALS',
        `${target.host} is not on this machine: say whom to trust with trust.ca (PEM) or trust.pins`,
      );
    }
    return { ca: (await developmentAuthority()).certPem };
  }

  async #endpoint(address: string, localAddress: string | undefined): Promise<DialEndpoint> {
    if (this.#specials.endpoint !== undefined && localAddress === undefined) return this.#specials.endpoint;
    const host = localAddress ?? this.#options.paths?.localAddress ?? localHostFor(address);
    let lease = this.#leases.get(host);
    if (lease === undefined) {
      this.#requireOpen();
      const { runtime, transport } = this.#options;
      const shared = this.#specials.endpoints ?? endpoints;
      lease =
        runtime?.clock === undefined
          ? shared.lease(host, transport?.io)
          : ownEndpoint(host, runtime.clock, transport?.io);
      this.#leases.set(host, lease);
      lease.catch(() => this.#leases.delete(host));
    }
    const { endpoint } = await lease;
    this.#requireOpen();
    return endpoint;
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw new KwikError('ERR_KWIK_ABORTED', CLOSED);
  }
}

/** What was admitted. Throws ERR_KWIK_PERMISSION_DENIED for nothing: then nothing is dialled, the target itself neither. */
export function requireSome(admitted: readonly string[], { host }: DialTarget): readonly string[] {
  if (admitted.length === 0) throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${host} may not be dialled`);
  return admitted;
}

/** The address to bind for reaching `address`: loopback stays on loopback. */
function localHostFor(address: string): string {
  if (isIPv6(address)) return isLoopback(address) ? '::1' : '::';
  return isLoopback(address) ? '127.0.0.1' : '0.0.0.0';
}

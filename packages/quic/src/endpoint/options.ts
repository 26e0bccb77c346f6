import { KwikError, type Clock } from '@kwik/wire';
import type { BackendTransport, QuicBackend } from '../backends/backend.js';
import type { HostLookup } from '../socket/address.js';
import type { IoChoice } from '../socket/bind.js';
import type { ProcessResources } from './process-resources.js';
import type { Bound } from './bound-watch.js';
import type { EndpointLimits } from '../routing/limits.js';

/** What a UDP endpoint is made of. */
export interface EndpointOptions {
  /** Local address, or a name that has one; default `127.0.0.1`. `::` takes IPv4 peers as well. */
  readonly host?: string;
  /** Local port; default 0: the system chooses. */
  readonly port?: number;
  readonly backend?: QuicBackend;
  /**
   * How datagrams go in and out. `batched`: many by one system call, on Linux where the package koffi is installed;
   * `dgram`: by `node:dgram`. Default: what the environment variable KWIK_IO says, else `auto`, batched where it works.
   */
  readonly io?: IoChoice;
  /** Shared by the endpoints that get the same; default: one for the process. */
  readonly resources?: ProcessResources;
  readonly limits?: Partial<EndpointLimits>;
  readonly clock?: Clock;
  /** How names are resolved; default: by the system (hosts file, DNS). */
  readonly lookup?: HostLookup;
  /**
   * 32 bytes from which stateless reset tokens are derived (RFC 9000, section 10.3.2); default random. Give the same to
   * a restarted server, and peers of its former life learn at once that their connections are gone.
   */
  readonly resetKey?: Uint8Array;
  /** False: the socket keeps no process alive. */
  readonly ref?: boolean;
  /** Drops datagrams of other machines unread: an endpoint on a wildcard address that serves this machine alone. */
  readonly loopbackOnly?: boolean;
  /** A bound of `limits` was met, by `source` where one is to blame; once a minute for each bound at most. */
  readonly onBound?: (bound: Bound, source: string | undefined) => void;
}

/** Sizes in bytes, times in milliseconds. */
export interface TransportOptions {
  readonly congestionControl?: 'bbr' | 'cubic' | 'reno';
  /** Spread packets over time instead of sending bursts; default true. */
  readonly pacing?: boolean;
  /** Largest UDP payload that is sent, 1200 to 65507; default 1350. Sizes above 1200 are used once a probe has passed. */
  readonly datagramBytes?: number;
  /** Silence after which the connection is given up; the smaller of both sides holds; default 30 000; 0: never. */
  readonly idleTimeoutMs?: number;
  /** Received and not yet read, per stream; default 4 MiB. */
  readonly streamWindowBytes?: number;
  /** Received and not yet read, per connection; default 8 MiB. */
  readonly connectionWindowBytes?: number;
  /** Streams that the peer may have open at once; default 128 each. */
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /**
   * How far ahead of the wire bytes are taken, as time at the rate of the path; default 4 ms. `sendableBytes()` offers
   * this much beyond what pacing allows at once; `write` takes twice as much.
   */
  readonly sendAheadMs?: number;
}

/**
 * How a server's certificate is judged. One of `ca` and `pins` is needed; nothing is ever accepted unchecked, unless
 * `unverified` asks for just that.
 */
export interface TrustOptions {
  /** Certificates of authorities, PEM, one or more. For the system's: `tls.rootCertificates.join('\n')`. */
  readonly ca?: string | Uint8Array;
  /**
   * SHA-256 of the server's SPKI, base64 or hex; one must match. With `ca` in addition to the chain; alone in place of
   * chain, name and dates: the key itself is the identity.
   */
  readonly pins?: readonly string[];
  /** One more condition: the SHA-256 of the SPKI that the server must have, base64 or hex. Takes the place of none. */
  readonly requiredPin?: string;
  /** Name or IP address that the certificate must be for, when it is not the dialled one. */
  readonly verifyHostName?: string;
  /**
   * Accepts any certificate where neither `ca` nor `pins` are given. Whoever sets it judges `peerCertificates` before
   * anything is sent that is not for everybody's eyes.
   */
  readonly unverified?: boolean;
}

export interface ClientCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface DialOptions {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  /** Name sent in the handshake and expected in the certificate; default `host`. */
  readonly serverName?: string;
  /** Default `['kwik/1']`. */
  readonly alpn?: readonly string[];
  readonly trust: TrustOptions;
  /** Shown when the server asks for one. */
  readonly certificate?: ClientCertificate;
  /** Bound on the whole attempt; default 10 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Leave from this local address; another one than the endpoint's gets a socket of its own. */
  readonly localAddress?: string;
  readonly transport?: TransportOptions;
  /** Goes on asking, until `timeoutMs`, where the machine says that nobody listens: the server may be about to start. */
  readonly awaitServer?: boolean;
}

export interface ServerOptions {
  /** Certificate chain, leaf first, and its private key. */
  readonly certPem: string;
  readonly keyPem: string;
  /** Authorities of client certificates; given, clients are asked for one. */
  readonly clientCa?: string;
  /** Refuse clients without one; default false. */
  readonly requireClientCertificate?: boolean;
  /**
   * Refuses clients without a certificate and accepts any, where there is no `clientCa`: whoever sets it judges
   * `peerCertificates`.
   */
  readonly anyClientCertificate?: boolean;
  /** Default `['kwik/1']`. */
  readonly alpn?: readonly string[];
  readonly transport?: TransportOptions;
  /**
   * Stream data that a client may have unread before `acceptPeer()` of its transport is called; more closes the
   * connection. Absent: what flow control allows.
   */
  readonly strangerBytes?: number;
  /** When a client must prove its address by a round trip before it costs memory; default `underLoad`. */
  readonly retry?: 'always' | 'underLoad' | 'never';
}

export const DEFAULT_ALPN: readonly string[] = ['kwik/1'];
export const DEFAULT_DIAL_TIMEOUT_MS = 10_000;
/** RFC 9000, section 14: the smallest datagram that QUIC can work with. */
const MIN_DATAGRAM_BYTES = 1200;
/** What IPv4 leaves of 64 kB. */
const MAX_DATAGRAM_BYTES = 65_507;

/** All transport settings: those of the backend and those of the driver itself. */
export interface ResolvedTransport extends BackendTransport {
  readonly pacing: boolean;
  readonly sendAheadMs: number;
}

const TRANSPORT_DEFAULTS: ResolvedTransport = {
  congestionControl: 'bbr',
  pacing: true,
  datagramBytes: 1350,
  idleTimeoutMs: 30_000,
  streamWindowBytes: 4 * 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  maxBidiStreams: 128,
  maxUniStreams: 128,
  sendAheadMs: 4,
};

/** Fills in defaults; a value out of range is `ERR_KWIK_INVALID_ARGUMENT`. */
export function resolveTransport(options: TransportOptions = {}): ResolvedTransport {
  const resolved: ResolvedTransport = { ...TRANSPORT_DEFAULTS, ...withoutUndefined(options) };
  requireRange('datagramBytes', resolved.datagramBytes, MIN_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES);
  requireRange('idleTimeoutMs', resolved.idleTimeoutMs, 0, Number.MAX_SAFE_INTEGER);
  requireRange('streamWindowBytes', resolved.streamWindowBytes, 1, 2 ** 32);
  requireRange('connectionWindowBytes', resolved.connectionWindowBytes, 1, 2 ** 32);
  requireRange('maxBidiStreams', resolved.maxBidiStreams, 0, 2 ** 20);
  requireRange('maxUniStreams', resolved.maxUniStreams, 0, 2 ** 20);
  requireRange('sendAheadMs', resolved.sendAheadMs, 1, 1000);
  return resolved;
}

export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function requireRange(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `${name} is ${value}; a whole number from ${low} to ${high} is needed`,
  );
}

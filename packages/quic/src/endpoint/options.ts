import type { Clock } from '@kwik/wire';
import type { QuicBackend } from '../backends/backend.js';
import type { TransportOptions } from '../connection/transport-options.js';
import type { TrustOptions } from '../tls/trust-options.js';
import type { HostLookup } from '../socket/address.js';
import type { IoChoice } from '../socket/bind.js';
import type { ProcessResources } from './process-resources.js';
import type { Bound } from '../routing/bound-watch.js';
import type { EndpointLimits } from '../routing/limits.js';
import type { WorkerSteering } from '../routing/worker-steering.js';

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
  /** Other processes share the address, and each has its own connections: which is whose. Linux alone, with batched I/O. */
  readonly workers?: WorkerSteering;
  /** 32 bytes from which tokens of Retry packets are made, the same in all `workers`; default random. */
  readonly retryKey?: Uint8Array;
  /** False: the socket keeps no process alive. */
  readonly ref?: boolean;
  /** Drops datagrams of other machines unread: an endpoint on a wildcard address that serves this machine alone. */
  readonly loopbackOnly?: boolean;
  /** A bound of `limits` was met, by `source` where one is to blame; once a minute for each bound at most. */
  readonly onBound?: (bound: Bound, source: string | undefined) => void;
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
  /**
   * The source connection id, 8 bytes: whoever forwards the connection's datagrams knows it by that. Default: a new one.
   */
  readonly connectionId?: Uint8Array;
  /** Where several processes share the server's address: the one to be led to, 0 to 255. */
  readonly worker?: number;
  /**
   * Keeps the ticket that the server gives, and resumes a session by the ticket of an earlier dial of the last hour, to the same
   * address and with the same trust: less work at both ends, and what `earlyData` needs. Not with a `certificate` of one's own.
   * Default: false.
   */
  readonly resumption?: boolean;
  /**
   * With `resumption`, and once there is a ticket: resolves before the server has answered, and what is written until then
   * goes with the first packet (0-RTT). **Somebody on the way may send it once more**, to the same server as well, so it may
   * only ask for what may happen twice. Nothing is read before the server was found good. Default: false.
   */
  readonly earlyData?: boolean;
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
  /**
   * Hands out connections of clients that resume a session before their handshakes are complete, for the data that they send
   * with their first packet (0-RTT). The listener takes a first flight once, but a client may have given up on its answer and
   * asked again, so this is for servers whose requests may come twice. Not where `workers` share the address, nor where clients
   * are asked for a certificate. Default: false.
   */
  readonly earlyData?: boolean;
  /** When a client must prove its address by a round trip before it costs memory; default `underLoad`. */
  readonly retry?: 'always' | 'underLoad' | 'never';
}

export const DEFAULT_ALPN: readonly string[] = ['kwik/1'];
export const DEFAULT_DIAL_TIMEOUT_MS = 10_000;

export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

import type { ClientAuthenticator, ServerAuthenticator, TrustPolicy } from '@kwik/kcp';
import type { Clock, KwikError } from '@kwik/wire';
import type { WriteRouting } from '../runtime/turn/packet-sender.js';
import type { SchedulerChoice } from '../schedulers.js';
import type { ReplicaSource } from './session.js';

/** How a client decides that a server is who it says it is. With neither member: the development authority, loopback only. */
export interface ClientTrust {
  /** PEM certificates of the authorities. */
  readonly ca?: string;
  /** SHA-256 of the server's public key (SPKI), hexadecimal or base64; accepted whatever signed it. */
  readonly pins?: readonly string[];
}

/** What a server shows. With none, on loopback only, the listener makes itself a development certificate. */
export interface ServerCredentials {
  /** PEM: the leaf first, then its intermediates. */
  readonly cert: string;
  /** PEM private key of the leaf. */
  readonly key: string;
  /** PEM authorities whose servers may act as primary towards this one (path tokens), and that sign its own peers. */
  readonly ca?: string;
}

export interface TransportTuning {
  readonly congestionControl?: 'bbr' | 'cubic' | 'reno';
  readonly pacing?: boolean;
  /** Largest UDP payload, bytes, where the path carries it; 1350 unless told. */
  readonly datagramBytes?: number;
  readonly idleTimeoutMs?: number;
}

export interface SessionLimits {
  /** Receive window of one stream at the most, bytes; it begins with 512 KiB and grows as the stream is read. */
  readonly streamWindowBytes?: number;
  /** Receive window of all streams of one path together, bytes. */
  readonly sessionWindowBytes?: number;
  /** Bytes that `write` accepts ahead of the network, per stream. */
  readonly sendBufferBytes?: number;
  /** Streams of each kind that the peer may have open at once. */
  readonly maxStreams?: number;
  readonly maxPaths?: number;
  readonly maxRawPacketBytes?: number;
  /** Raw packets that a client relays to one path each second; a second's worth may come at once. */
  readonly rawPacketsPerSecond?: number;
  /** And their bytes. */
  readonly rawBytesPerSecond?: number;
  /** Dials of a client at its primary's command (`addPath`) in a minute, half of them at once; 60 unless told. */
  readonly commandedDialsPerMinute?: number;
  /** Such dials that came to nothing, in the life of a session; 1,000 unless told. */
  readonly failedCommandedDials?: number;
  /** Time for handshake and authentication of one path, milliseconds. */
  readonly handshakeTimeoutMs?: number;
}

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

export interface DialOptions {
  readonly trust?: ClientTrust;
  /** Name to check the primary's certificate against, when it is not the host. */
  readonly serverName?: string;
  /** Ways to authenticate, the preferred first; `none` unless told. */
  readonly auth?: readonly ClientAuthenticator[];
  /** Client certificate, PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly limits?: SessionLimits;
  readonly transport?: TransportTuning;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Local address to bind; the family of the target's unless told. */
  readonly localAddress?: string;
  /**
   * Asked for each server that the primary names, before it is dialled: the address to use instead, or false to refuse.
   * For clients that know their network better (proxies, emulated links).
   */
  readonly resolvePath?: (address: string) => string | false | Promise<string | false>;
  /**
   * Kinds of local addresses that any primary may have this client dial. Without, a primary names no address of the
   * client's network unless it is in a private network itself, none of the client's machine unless it is on it, and no
   * link-local one unless it is on that link. Names are judged by what they resolve to.
   */
  readonly allowTargets?: readonly ('loopback' | 'link-local' | 'private')[];
  /** Told why a server that the primary named was not reached, or refused: the primary itself is told only that it was. */
  readonly onPathRefused?: (refusal: { readonly address: string; readonly error: KwikError }) => void;
  /**
   * Further local addresses, short for `extraPaths` with these. Over each the client opens one more path to the primary
   * (multi-homing); one that cannot be opened, or is lost, is tried again.
   */
  readonly localAddresses?: readonly string[];
  /** Further paths to the primary: over a local address, to another address of the server (`host:port`), or both. */
  readonly extraPaths?: readonly { readonly localAddress?: string; readonly address?: string }[];
  /** Further addresses of the primary, `host:port`, tried in turn when it cannot be reached at the first. */
  readonly alternatives?: readonly string[];
  /**
   * How long the session waits for its primary to be reached again when all paths to it are lost, milliseconds; the
   * idle timeout unless told. 0: the session ends at once.
   */
  readonly recoveryTimeoutMs?: number;
  /** How long `close` of the session waits until the peer has what was written, milliseconds; 5,000 unless told. */
  readonly closeTimeoutMs?: number;
  /** Where writes go when several paths lead to the primary: over one of them (unless told), or over all. */
  readonly routing?: WriteRouting;
  /** Chooses the path of each piece of data when writes are distributed. */
  readonly scheduler?: SchedulerChoice;
  /**
   * `auto`: packets are compressed where that makes them smaller, if the peer has `auto` as well; `off` unless told, and
   * then compressed packets of the peer are refused.
   * Do not use it where somebody else can choose part of what is sent beside a secret, and sees the lengths (CRIME).
   */
  readonly compression?: 'off' | 'auto';
  /** Keeps a map of KWIK offsets to QUIC offsets for each path (`offsetMap`); costs time per packet. */
  readonly diagnostics?: boolean;
  readonly clock?: Clock;
  /** For the jitter of waits; Math.random unless told. */
  readonly random?: () => number;
}

export interface ReplicaContext {
  readonly sessionId: string;
  readonly identity?: string;
}

export interface ListenOptions {
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 unless told: the system chooses. */
  readonly port?: number;
  readonly credentials?: ServerCredentials;
  /** Whose path tokens are believed; the `ca` of the credentials unless told. */
  readonly trust?: TrustPolicy;
  /** PEM authorities of client certificates; with `certificate` among `auth`. */
  readonly clientCa?: string;
  readonly auth?: readonly ServerAuthenticator[];
  /** Further `host:port` names under which primaries may name this server in path tokens. */
  readonly audiences?: readonly string[];
  /** Finds the source that a key names; undefined: this server does not have it. */
  readonly replica?: (
    key: string,
    context: ReplicaContext,
  ) => ReplicaSource | undefined | Promise<ReplicaSource | undefined>;
  readonly serverId?: string;
  /**
   * At least 32 random bytes that outlive the process: a server that is started again on the same host and port then tells
   * clients of its former life at once that their paths are gone (RFC 9000, section 10.3). Without it they notice its
   * silence. Keep it secret; servers may share it.
   */
  readonly resetKey?: Uint8Array;
  /**
   * Told why a connection did not become a session: a refused token, a failed authentication, a full server; and, once a
   * minute for each, with ERR_KWIK_LIMIT_EXCEEDED that clients have met a bound of the listener (`stats().bounds`).
   */
  readonly onRefused?: (error: KwikError) => void;
  readonly limits?: SessionLimits & {
    /** Sessions at once. */
    readonly maxSessions?: number;
    /** Sessions that wait for `accept`. */
    readonly backlog?: number;
    /**
     * Connections from one IPv4 address or one /64 of IPv6 at once; a quarter of `maxSessions` unless told, and
     * 10,000 or `maxSessions` from this machine itself.
     */
    readonly maxConnectionsPerAddress?: number;
    /** Handshakes begun from one address each second, twice as many at once; 1,000 unless told. More are not answered. */
    readonly handshakesPerSecondPerAddress?: number;
  };
  readonly transport?: TransportTuning;
  /** How long a session waits for its client to come back, milliseconds; the idle timeout unless told. */
  readonly recoveryTimeoutMs?: number;
  /** How long `close` of a session waits until the client has what was written, milliseconds; 5,000 unless told. */
  readonly closeTimeoutMs?: number;
  /** Where writes go when several paths lead to the client: over all of them unless told. */
  readonly routing?: WriteRouting;
  /** Chooses the path of each piece of data when writes are distributed. */
  readonly scheduler?: SchedulerChoice;
  /**
   * `auto`: packets are compressed where that makes them smaller, if the peer has `auto` as well; `off` unless told, and
   * then compressed packets of the peer are refused.
   * Do not use it where somebody else can choose part of what is sent beside a secret, and sees the lengths (CRIME).
   */
  readonly compression?: 'off' | 'auto';
  /** Keeps a map of KWIK offsets to QUIC offsets for each path (`offsetMap`); costs time per packet. */
  readonly diagnostics?: boolean;
  readonly clock?: Clock;
}

import type { ClientAuthenticator, ServerAuthenticator, TrustDomains, TrustPolicy } from '@kwik/kcp';
import type {
  AccessControl,
  AuditSink,
  BytesLike,
  Clock,
  Discovery,
  KwikError,
  PathNetwork,
  ServerDirectory,
  ServerTrust,
} from '@kwik/wire';
import type { SchedulerChoice } from '../schedulers.js';
import type { DialOverloadOptions, OverloadOptions } from './overload.js';
import type { NamedRelay, RelayChoice, RelayOptions } from './relays.js';
import type { TakeoverOptions } from './takeover.js';
import type { ScalingOptions } from './scaling.js';
import type { WorkerSeat } from './workers.js';
import type { ReplicaSource, StreamIntent } from './session.js';

/**
 * Options of `dial` and `listen`, in groups of one concern each. Sizes are bytes; names that end in `Ms` are
 * milliseconds. A member that is undefined counts as absent. A member that no group has, or a value of the wrong type,
 * is refused with ERR_KWIK_INVALID_ARGUMENT, which names the member and the nearest one that exists.
 */

/** Kinds of local addresses; see `ClientTrust.allowTargets`. */
export type LocalTarget = 'loopback' | 'link-local' | 'private';

/**
 * How a client decides that a server is who it says it is, and how far it follows its primary. With neither `ca` nor
 * `pins` the development authority is trusted, for addresses of this machine only; others: ERR_KWIK_CREDENTIALS.
 */
export interface ClientTrust {
  /** PEM certificates of the authorities. */
  readonly ca?: string;
  /**
   * PEM of the authorities of SPIFFE trust domains, by their names. Where it is given, a server that is meant by a SPIFFE id must have
   * its certificate from an authority of its own domain; `ca` is for all others.
   */
  readonly trustDomains?: TrustDomains;
  /** SHA-256 of the server's public key (SPKI), hexadecimal or base64; accepted whatever signed it. */
  readonly pins?: readonly string[];
  /** Name or SPIFFE id to check the primary's certificate against. Default: the host that is dialled. */
  readonly serverName?: string;
  /**
   * Kinds of local addresses that any primary may have this client dial. Default: none. Then a primary names no address
   * of the client's network unless it is in a private network itself, none of the client's machine unless it is on it,
   * and no link-local one unless it is on that link. Names are judged by what they resolve to.
   */
  readonly allowTargets?: readonly LocalTarget[];
  /** Numeric address of a server that named the one to be dialled, as `onLeaving` gives it: `allowTargets` rules the dial, too. */
  readonly namedBy?: string;
}

/** What a server shows. Default, on loopback only: a development certificate that the listener makes itself. */
export interface ServerCredentials {
  /** PEM: the leaf first, then its intermediates. */
  readonly cert: string;
  /** PEM private key of the leaf. */
  readonly key: string;
}

/** One more path of a client to its primary; at least one of the members. */
export interface ExtraPath {
  /** Local address to send from. Default: the system chooses. */
  readonly localAddress?: string;
  /** Another address of the server, `host:port`. Default: those that path 0 uses. */
  readonly address?: string;
}

/** Why a server that the primary named was not reached, or refused. */
export interface PathRefusal {
  readonly address: string;
  readonly error: KwikError;
}

/** Where a client's paths begin and lead. */
export interface ClientPathOptions {
  /** Local address to bind. Default: any of the target's family; for targets on this machine, loopback. */
  readonly localAddress?: string;
  /**
   * Further local addresses, short for `extra` with these. Over each the client opens one more path to the primary
   * (multi-homing); one that cannot be opened, or is lost, is tried again.
   */
  readonly localAddresses?: readonly string[];
  /** Further paths to the primary: over a local address, to another address of the server, or both. */
  readonly extra?: readonly ExtraPath[];
  /**
   * Relays by way of which paths to the primary are opened: of the first five that are named, through the two with the least
   * round trip, and a third stands by. When the primary does not answer within 1.5 s, or cannot be reached at all, it is
   * dialled through them. `trust` holds for them, too.
   */
  readonly relays?: readonly RelayChoice[];
  /** Further addresses of the primary, `host:port`, tried in turn when it cannot be reached at the first. */
  readonly alternatives?: readonly string[];
  /**
   * Asked for each server that the primary names, before it is dialled: the address to use instead, or false to refuse.
   * For clients that know their network better (proxies, emulated links). Default: the address as it was named.
   */
  readonly resolve?: (address: string) => string | false | Promise<string | false>;
  /**
   * Told why a server that the primary named was not reached, or refused: the primary itself is told only that it was. Told
   * of `relays` that are not reached, too; they are tried again, and told of again when the reason is another one.
   */
  readonly onRefused?: (refusal: PathRefusal) => void;
}

/**
 * Where what this end writes goes: over the default path to its peer alone (the others stand by, and take over what it
 * cannot deliver), or over all paths to that peer as the scheduler says.
 */
export type WriteRouting = 'primary' | 'distributed';

/** How what this end writes reaches the peer. */
export interface WriteOptions {
  /**
   * Where writes go when several paths lead to the peer: over one of them (`primary`, the default of `dial`), or over all
   * (`distributed`, the default of `listen`).
   */
  readonly routing?: WriteRouting;
  /** Chooses the path of each piece of data when writes are distributed. Default: `adaptive`. */
  readonly scheduler?: SchedulerChoice;
  /**
   * `auto`: packets are compressed where that makes them smaller, if the peer has `auto` as well. `off`, the default:
   * nothing is compressed, and compressed packets of the peer are refused.
   * Do not use it where somebody else can choose part of what is sent beside a secret, and sees the lengths (CRIME).
   */
  readonly compression?: 'off' | 'auto';
}

/** How long an end waits for the other. Each takes a number of milliseconds, from 0 to 2^31-1 (24 days). */
export interface TimeoutOptions {
  /** For handshake and authentication of one path; at least 1. Default: 10,000. */
  readonly handshakeMs?: number;
  /** Silence after which a connection is lost (RFC 9000, 10.1), the smaller of both ends'; 0: none. Default: 30,000. */
  readonly idleMs?: number;
  /** For the peer to be reached again when all paths to it are lost; 0: the session ends at once. Default: `idleMs`. */
  readonly recoveryMs?: number;
  /** For what was written to reach the peer when a session is closed; 0: it ends at once. Default: 5,000. */
  readonly closeMs?: number;
}

export interface DialTimeouts extends TimeoutOptions {
  /** For the whole dial: name, connection and handshake. Default: `handshakeMs`. */
  readonly dialMs?: number;
}

/** What a session may hold or ask of this end. Each takes a whole number above 0. */
export interface SessionLimits {
  /** Receive window of one stream at the most; it begins with 512 KiB and grows as the stream is read. Default: 16 MiB. */
  readonly streamWindowBytes?: number;
  /** Receive window of all streams of one path together; not below `streamWindowBytes`. Default: 32 MiB. */
  readonly pathWindowBytes?: number;
  /** What `write` accepts ahead of the network, per stream. Default: 1 MiB. */
  readonly sendBufferBytes?: number;
  /** Streams of each kind that the peer may have open at once. Default: 1,024. */
  readonly maxStreams?: number;
  /** Paths of a session at once. Default: 16. */
  readonly maxPaths?: number;
  /** Raw packets up to this size are taken from the peer; 61,440 at the most. Default: 16 KiB. */
  readonly maxRawPacketBytes?: number;
  /**
   * QUIC packets that go out under one key, from 128; 2^23 at the most, as RFC 9001, section 6.6, allows AES-GCM. At half of
   * them, sent or received, and after an hour, the client gives the path another connection, and with it new keys; its streams
   * do not notice. A path that cannot get one is closed shortly before the last of them. Default: 2^23.
   */
  readonly packetsPerKey?: number;
}

/** What a primary may have its client do, besides. */
export interface ClientLimits extends SessionLimits {
  /** Raw packets that the client relays to one path each second; a second's worth may come at once. Default: 1,000. */
  readonly rawPacketsPerSecond?: number;
  /** And their bytes. Default: 4 MiB. */
  readonly rawBytesPerSecond?: number;
  /** Dials at the primary's command (`addPath`) in a minute, half of them at once. Default: 60. */
  readonly commandedDialsPerMinute?: number;
  /** Such dials that came to nothing, in the life of a session. Default: 1,000. */
  readonly failedCommandedDials?: number;
}

/** What all clients together may have a listener do, besides; these take 0 as well. */
export interface ListenerLimits extends SessionLimits {
  /** Sessions at once. Default: 10,000. */
  readonly maxSessions?: number;
  /** Sessions that wait for `accept`. Default: 512. */
  readonly backlog?: number;
  /**
   * Connections from one IPv4 address or one /64 of IPv6 at once. Default: a quarter of `maxSessions`; from this machine
   * itself 10,000, or `maxSessions` where that is more.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Handshakes begun from one address each second, twice as many at once; more are not answered. Default: 1,000.
   */
  readonly handshakesPerSecondPerAddress?: number;
}

/** The QUIC connections underneath. */
export interface TransportTuning {
  /** Default: `bbr`. */
  readonly congestionControl?: 'bbr' | 'cubic' | 'reno';
  /** Packets leave evenly over a round trip rather than at once. Default: true. */
  readonly pacing?: boolean;
  /**
   * Largest UDP payload, where the path carries it. Default: what the route takes by its MTU, 1,472 at most, where the system
   * tells (batched I/O), else 1,350.
   */
  readonly datagramBytes?: number;
  /**
   * By the route also longer ones than Ethernet's, 16,000 at most, on loopback and with jumbo frames: less work per byte, and
   * more that is lost or waits at a time. Default: false.
   */
  readonly longDatagrams?: boolean;
  /**
   * Paths to peers of the last hour begin with half of what they carried then, once a round trip has shown that they are the same
   * (careful resume, RFC 9959): what this end sends. A process remembers 1,024 of them, of its own connections. Default: false.
   */
  readonly carefulResume?: boolean;
  /**
   * How datagrams reach the kernel: `batched`, many by one system call (Linux, with the optional package `koffi`; elsewhere
   * the dial or the listener is refused with ERR_KWIK_INVALID_ARGUMENT), or `dgram`, by `node:dgram`. Default: what the variable
   * KWIK_IO says, else `auto`: `batched` where it can be had.
   */
  readonly io?: 'auto' | 'batched' | 'dgram';
}

export interface DiagnosticsOptions {
  /** Keeps a map of KWIK offsets to QUIC offsets for each path (`Session.offsetMap`); costs time per packet. Default: false. */
  readonly offsetMap?: boolean;
}

/** What a program of its own world (a simulation) puts in place of the system's. */
export interface RuntimeOptions {
  /** Monotonic time and timers. Default: the system's. A session with a clock of its own has a UDP socket of its own. */
  readonly clock?: Clock;
  /** Where connections come from and go to, in place of UDP and QUIC. Certificates and pins mean nothing there. */
  readonly network?: PathNetwork;
  /** 0 <= random() < 1, for the jitter of waits. Default: Math.random. */
  readonly random?: () => number;
  /** Milliseconds since 1970, by which tokens of paths and rules of access are good. Default: the system's. */
  readonly wallClockMs?: () => number;
}

/** Who watches over what an end does; `@kwik/trust` has an implementation of each. */
export interface GuardOptions {
  /**
   * Where sessions, refusals, violations, tokens and keys are written down. While its `fault` is set, nobody is let in, and
   * dials are refused. Default: nowhere.
   */
  readonly audit?: AuditSink;
  /**
   * Who may do what: asked when a client opens a session here or a path joins, when a session asks for content here, and
   * at a client before it connects to where its primary sends it. Default: everybody everything else allows.
   */
  readonly access?: AccessControl;
  /**
   * Which servers to use: asked before a further server is connected (at a client), or named to a client (at a primary); a
   * client tells it what they did. Default: all.
   */
  readonly servers?: ServerTrust;
}

/** How a server is known to others, and to its clients of a former life. */
export interface ServerIdentity {
  /** The server's own name for itself, which `PathInfo.serverId` shows at the client. Default: none. */
  readonly serverId?: string;
  /** Further `host:port` names under which primaries may name this server in path tokens. Default: only its own. */
  readonly audiences?: readonly string[];
  /**
   * At least 32 random bytes that outlive the process: a server that is started again on the same host and port then tells
   * clients of its former life at once that their paths are gone (RFC 9000, section 10.3). Without it they notice its
   * silence. Keep it secret; servers may share it.
   */
  readonly resetKey?: Uint8Array;
}

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

/** What a session's first stream begins with. */
export interface EarlyData {
  /** At most 8,192 bytes. */
  readonly data: BytesLike | string;
  /** Nothing comes behind it: the stream's writing side ends. Default: it stays open. */
  readonly end?: boolean;
  /** How the stream is carried, as in `StreamOptions`. */
  readonly intent?: StreamIntent;
  /**
   * Goes with the very first packet to a server that was dialled in the last hour and listens with `earlyData` (0-RTT), so that the
   * answer comes after one round trip. **Somebody on the way may send that packet once more, and have the request done again.**
   * Not with a client certificate, nor by way of relays. Default: false.
   */
  readonly repeatable?: boolean;
}

export interface DialOptions {
  readonly trust?: ClientTrust;
  /** Ways to authenticate, the preferred first. Default: `none`. */
  readonly auth?: readonly ClientAuthenticator[];
  /** Gives up the dial, which then rejects with ERR_KWIK_ABORTED; a session that is open stays open. */
  readonly signal?: AbortSignal;
  readonly timeouts?: DialTimeouts;
  /** Finds the servers of `kwik:NAME`; see @kwik/discovery. */
  readonly discovery?: Discovery;
  readonly paths?: ClientPathOptions;
  readonly writes?: WriteOptions;
  readonly limits?: ClientLimits;
  readonly transport?: TransportTuning;
  readonly diagnostics?: DiagnosticsOptions;
  readonly guard?: GuardOptions;
  readonly runtime?: RuntimeOptions;
  /**
   * What this process gives up when memory or processor time is short; while it is overloaded, `dial` rejects with
   * ERR_KWIK_LIMIT_EXCEEDED and `retryAfterMs`. Default: nothing is looked at, unless another dial asked for it.
   */
  readonly overload?: DialOverloadOptions;
  /**
   * Opens the first stream with the hello, a round trip sooner than a session could: `session.early` is that stream. The server
   * hands it to its application when it has let the client in, and may do so more than once where a dial is tried again, and each
   * server that is dialled may, of several of a service: it is for what may be repeated. It is shown to whoever passes `trust`,
   * before a pre-shared key is proved. Relays do not get it.
   */
  readonly early?: EarlyData;
  /**
   * Connections to servers resume the TLS session of an earlier dial of this process, with the same trust, of the last hour: no
   * certificate is sent, and the one of before is checked again. To servers with `earlyData` that the primary names, what joins and
   * what is asked of them goes with the very first packet, for a path token works once. Default: true with `early.repeatable`, else
   * false.
   */
  readonly resumption?: boolean;
}

export interface ReplicaContext {
  readonly sessionId: string;
  readonly identity?: string;
}

export interface ListenOptions {
  /** Local address. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, and the system chooses. */
  readonly port?: number;
  /** Required off loopback. */
  readonly credentials?: ServerCredentials;
  /**
   * Takes what clients that come back send with their very first packet (0-RTT), for a first answer after one round trip. Such a
   * request may have been sent by somebody on the way who copied it, before the client's own: this is for servers whose first
   * requests may be done twice. Not with workers, nor where clients are asked for certificates. Default: false.
   */
  readonly earlyData?: boolean;
  /** Whom to let in, and how. Default: everybody, by `none`. */
  readonly auth?: readonly ServerAuthenticator[];
  /** Finds the source that a key names; undefined: this server does not have it. Default: it has none. */
  readonly replica?: (
    key: string,
    context: ReplicaContext,
  ) => ReplicaSource | undefined | Promise<ReplicaSource | undefined>;
  /**
   * Told why a connection did not become a session: a refused token, a failed authentication, a full server; and, once a
   * minute for each, with ERR_KWIK_LIMIT_EXCEEDED that clients have met a bound of the listener (`stats().bounds`).
   */
  readonly onRefused?: (error: KwikError) => void;
  /**
   * Whose path tokens are believed, so which servers may act as primary towards this one. Default: nobody's; with
   * development credentials, those of this machine.
   */
  readonly trust?: TrustPolicy;
  readonly identity?: ServerIdentity;
  /**
   * Relays that sessions get by themselves, as with `addPath` and the capability `relay`: of the first five that are named the
   * two with the least round trip carry, the next one stands by, and one that is lost or about to stop is replaced. Default: none.
   */
  readonly relays?: readonly NamedRelay[];
  /** Makes the server a relay for clients whose primary names it. Default: it is none. */
  readonly relay?: RelayOptions;
  /** Takes on further servers for the content of a session while its client wants more, as its primary. Default: it does not. */
  readonly scaling?: ScalingOptions;
  /** Clients may ask which servers of this service there are (`askForServers`). Default: they are told none. */
  readonly directory?: ServerDirectory;
  /**
   * One of several processes that share one address: what `workerSeat` gives to a process that `startWorkers` has started. The port
   * is that of the fleet.
   */
  readonly worker?: WorkerSeat;
  /** Sessions survive their primary: those of this server go on at a standby, and those of others here. Default: they do not. */
  readonly takeover?: TakeoverOptions;
  /** What is given up when memory or processor time is short. Default: what memory alone asks for. */
  readonly overload?: OverloadOptions;
  readonly timeouts?: TimeoutOptions;
  readonly writes?: WriteOptions;
  readonly limits?: ListenerLimits;
  readonly transport?: TransportTuning;
  readonly diagnostics?: DiagnosticsOptions;
  readonly guard?: GuardOptions;
  readonly runtime?: RuntimeOptions;
}

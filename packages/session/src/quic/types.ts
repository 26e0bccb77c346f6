import type { DialOptions, ListenOptions } from '../api/options.js';
import type { ServerSession } from '../api/session.js';
import type { QUICSocket } from './quic-socket.js';

export type Host = string;
export type Hostname = string;
export type Port = number;
/** QUIC's numbering (RFC 9000, section 2.1), which is KWIK's too. */
export type StreamId = number;

type Pem = string | readonly string[] | Uint8Array | readonly Uint8Array[];

/**
 * Judges a chain (DER, leaf first), given the authorities of `ca`. Undefined: it is accepted; a number (`native.CryptoError`),
 * a rejection, or no answer in 10 s: it is not.
 */
export type TLSVerifyCallback = (
  certs: Uint8Array[],
  ca: Uint8Array[],
) => number | undefined | PromiseLike<number | undefined>;

/** What @matrixai/quic takes as `config`; config.ts says what becomes of each member. */
export interface QUICConfig {
  readonly ca?: Pem;
  readonly key?: Pem;
  readonly cert?: Pem;
  readonly sigalgs?: string;
  readonly verifyPeer?: boolean;
  readonly verifyCallback?: TLSVerifyCallback;
  readonly logKeys?: string;
  readonly grease?: boolean;
  readonly keepAliveIntervalTime?: number;
  readonly maxIdleTimeout?: number;
  readonly maxRecvUdpPayloadSize?: number;
  readonly maxSendUdpPayloadSize?: number;
  readonly initialMaxData?: number;
  readonly initialMaxStreamDataBidiLocal?: number;
  readonly initialMaxStreamDataBidiRemote?: number;
  readonly initialMaxStreamDataUni?: number;
  readonly initialMaxStreamsBidi?: number;
  readonly initialMaxStreamsUni?: number;
  readonly maxConnectionWindow?: number;
  readonly maxStreamWindow?: number;
  readonly enableDgram?: readonly [boolean, number, number];
  readonly disableActiveMigration?: boolean;
  readonly applicationProtos?: readonly string[];
  readonly enableEarlyData?: boolean;
  readonly readableChunkSize?: number;
}

export type QUICClientConfigInput = QUICConfig;
export type QUICServerConfigInput = QUICConfig & { readonly key: Pem; readonly cert: Pem };

/** Reason (most likely an error) to the code that the peer gets, 0 to 2^32-1; 0 when there is none. */
export type StreamReasonToCode = (type: 'read' | 'write', reason?: unknown) => number;
/** The peer's code to the reason with which this end's stream fails. */
export type StreamCodeToReason = (type: 'read' | 'write', code: number) => unknown;
export type ResolveHostname = (hostname: string) => string | PromiseLike<string>;

export interface StreamCodes {
  readonly reasonToCode: StreamReasonToCode;
  readonly codeToReason: StreamCodeToReason;
}

export interface ConnectionMetadata {
  readonly localHost: Host;
  readonly localPort: Port;
  readonly remoteHost: Host;
  readonly remotePort: Port;
  /** DER, leaf first. */
  readonly localCertsChain: readonly Uint8Array[];
  readonly localCACertsChain: readonly Uint8Array[];
  /** Of the server that was dialled, or of the client where it was asked for. */
  readonly remoteCertsChain: readonly Uint8Array[];
}

/** A bound on the time, milliseconds, and a way to give up. */
export interface ContextTimedInput {
  readonly timer?: number | { getTimeout(): number };
  readonly signal?: AbortSignal;
}

export interface PromiseCancellable<T> extends Promise<T> {
  cancel(reason?: unknown): void;
}

interface CommonOptions {
  /** Accepted and not used: KWIK takes its randomness and its keys from node:crypto. */
  readonly crypto?: unknown;
  /** Accepted and not used: errors reach the program as events and rejections. */
  readonly logger?: unknown;
  readonly resolveHostname?: ResolveHostname;
  readonly reasonToCode?: StreamReasonToCode;
  readonly codeToReason?: StreamCodeToReason;
  /** A socket that is started: shared with others, and left open. */
  readonly socket?: QUICSocket;
}

export interface QUICClientOptions extends CommonOptions {
  readonly host: string;
  readonly port: number;
  /** Name to check the server's certificate against. Default: the host. */
  readonly serverName?: string;
  readonly localHost?: string;
  /** 0 or absent: a port of the system's choice, which other clients may use as well. */
  readonly localPort?: number;
  readonly config?: QUICClientConfigInput;
  readonly reuseAddr?: boolean;
  readonly ipv6Only?: boolean;
  /** What only KWIK has: options of `dial`. A member that is given here counts before what comes from `config`. */
  readonly kwik?: DialOptions;
}

export interface QUICServerOptions extends CommonOptions {
  readonly config: QUICServerConfigInput;
  /** How long a client may take for its handshake, milliseconds. */
  readonly minIdleTimeout?: number;
  /** What only KWIK has: options of `listen`. A member that is given here counts before what comes from `config`. */
  readonly kwik?: ListenOptions & {
    /** A session that joined this server as a secondary. It is no connection of this server's own. */
    readonly onSecondary?: (session: ServerSession) => void;
  };
}

/** How a connection, client or server is to end. */
export interface StopOptions {
  /** Application close or transport close; KWIK's peers see an application close either way. */
  readonly isApp?: boolean;
  /** 0 to 2^32-1. */
  readonly errorCode?: number;
  /** UTF-8; at most 200 characters reach the peer. */
  readonly reason?: Uint8Array;
  /** False: waits until both sides of every stream have ended. True, the default: gives them up. */
  readonly force?: boolean;
}

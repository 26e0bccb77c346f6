import type { Duplex } from 'node:stream';
import type { BytesLike, KwikError, OffsetMap, PathId, ServiceLevel, StreamId } from '@kwik/wire';
import type { RelayedTraffic } from './relays.js';
import type { MemoryUse } from '../core/costs/memory-ledger.js';
import type { Datagrams } from './datagrams.js';
import type { PathInfo, ServerHealth } from './paths.js';
import type { PathPings } from './path-pings.js';
import type { PolicyDecision } from './policy.js';
import type { Leaving, Takeover } from './takeover.js';
export type { PathStateName } from './paths.js';
import type { StreamIntent } from '../core/streams/stream-intent.js';

export type { MemoryUse, PathInfo, ServerHealth, StreamIntent };

/** How a session ended. */
export interface CloseInfo {
  /** Who ended it: the application here or there, or a failure that this end saw. */
  readonly by: 'local' | 'peer' | 'error';
  /** What the application gave to `close`; where `error` is there, that error's number. The same number means two things. */
  readonly code: number;
  readonly reason: string;
  /** The session failed, here (`by: 'error'`) or at the peer (`by: 'peer'`); absent when an application closed it. */
  readonly error?: KwikError;
}

export interface StreamOptions {
  /** Only the opener writes. */
  readonly unidirectional?: boolean;
  /** 0 (most urgent) to 7. Default: 3 (RFC 9218). */
  readonly priority?: number;
  /**
   * How the stream is carried. The other end hears of it, and carries in the same way what it writes into the stream, as far
   * as it knows how, until its application says otherwise.
   */
  readonly intent?: StreamIntent;
}

/** Content that can be read at any offset; the same bytes on every server that has it. */
export interface SendFromOptions {
  /**
   * Nothing comes behind the content, and it resolves as `close` does. The client knows at the beginning where the stream ends, so
   * that other servers can bring it to its end without the primary. Default: false.
   */
  readonly end?: boolean;
}

export interface ReplicaSource {
  /** Bytes in total. */
  readonly size: bigint;
  /**
   * Exactly `length` bytes from `offset`, or a rejection. `signal` aborts when the bytes are no longer wanted. They are
   * copied as soon as the promise resolves, so a source may read into the same memory again; but several reads may be
   * under way at once, and each needs memory of its own until then.
   */
  read(offset: bigint, length: number, signal: AbortSignal): Promise<BytesLike>;
  /** Called once when the source is no longer needed, also where it has failed. */
  close?(): Promise<void> | void;
}

export interface Stream extends AsyncDisposable, AsyncIterable<Uint8Array> {
  readonly id: StreamId;
  /** The path that writes take by default. */
  readonly pathId: PathId;
  /**
   * Next bytes in order, as many as are there (at least one); null at the end, again and again. Rejects after reset or
   * session loss; what had come before the session ended can still be read. Several reads at once share the bytes
   * between them, in no promised order; an aborted one takes none.
   *
   * The bytes are the reader's, which may change them. The ArrayBuffer under them may hold others' bytes besides: copy
   * them before you hand them to what transfers whole buffers (a ReadableStream of `type: 'bytes'`).
   */
  read(options?: { signal?: AbortSignal }): Promise<Uint8Array | null>;
  /**
   * Resolves when accepted by the bounded send buffer, not when sent. A string is sent as UTF-8; of a typed array, a
   * DataView or an ArrayBuffer, shared or not, its bytes are. They are copied before `write` returns: the caller may
   * reuse its memory at once. Anything else rejects with ERR_KWIK_INVALID_ARGUMENT.
   *
   * Writes that are not awaited keep their order. When more than 64 MiB of them wait, the next is rejected with
   * ERR_KWIK_LIMIT_EXCEEDED, and nothing of it is sent.
   *
   * `signal` gives up a write that waits, which then rejects with ERR_KWIK_ABORTED. One that fits the send buffer is
   * taken whole or not at all; of a larger one a part may have been accepted, and the message says how much.
   */
  write(data: BytesLike | string, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Leaves the next `bytes` offsets of the stream to a contribution of a secondary; returns the first of them. What is
   * written afterwards lands behind.
   */
  skip(bytes: bigint): bigint;
  /**
   * Ends the writing side, behind the writes and contents that wait; resolves when the peer's session has acknowledged
   * everything, and rejects when it never will: the peer stopped reading or this end reset it (with something under way),
   * or the session ended before, at either end and for whatever reason. While the peer's application does not read and
   * its window is full, it waits, as TCP would; only the end of the session bounds that.
   */
  close(): Promise<void>;
  /** Abandons the writing side: the peer's read rejects with ERR_KWIK_STREAM_RESET. `code` is the application's. */
  reset(code?: number): void;
  /** Asks the peer to stop writing; what still comes is dropped. */
  stopSending(code?: number): void;
  /**
   * Resolves when the peer asks to stop writing, with its code; or with undefined when the writing side has ended in
   * another way, or the session has. Without it, a writer learns at its next write.
   */
  peerStopped(options?: { signal?: AbortSignal }): Promise<number | undefined>;
  setPriority(priority: number): void;
  /**
   * How what this end writes is carried from now on, in place of what was said before; `{}` is as most streams. The other
   * end does not hear of it. Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong.
   */
  setIntent(intent: StreamIntent): void;
  /** A reset by the peer, the end and the loss of the session show in `reader.closed` without a read. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Chunks are as in `write`, copied when they are written. A stop by the peer and the loss of the session show in
   * `writer.closed` without a write; `abort` resets the stream at once, also while a write waits. `close` is that of the
   * stream. The signal of a `pipeTo` takes effect when the chunk under way has been accepted, as the standard has it;
   * `reset` of the stream ends that wait.
   */
  readonly writable: WritableStream<BytesLike | string>;
  /** A side that the stream does not have counts as ended: `close` is emitted when the other has. */
  toDuplex(): Duplex;
  /**
   * Primary only: sends the content that `key` names, from this server and from every other server of the session that
   * has it. Resolves when the client has it all, verified. May follow `write`, and be followed by it unless it ends the stream.
   * Rejects with ERR_KWIK_SOURCE_FAILED when `source` does; then `close` rejects, too, and resets the stream, so that its reader
   * does not take it for whole. `source.close` is called once, also where the call is refused.
   */
  sendFrom(key: string, source: ReplicaSource, options?: SendFromOptions): Promise<void>;
}

export interface SessionStats {
  /**
   * Of the last 64 decisions of this end, the listener's or those of the process for all that it dials over the same network, those that are not
   * of other sessions; the newest last. See docs/scaling.md.
   */
  readonly decisions: readonly PolicyDecision[];
}

export interface Session extends AsyncDisposable, Datagrams, PathPings {
  readonly id: string;
  readonly role: 'client' | 'primary' | 'secondary';
  /** At a client that dialled with `early`: the stream that begins with it. Absent where the server allows no stream. */
  readonly early?: Stream | undefined;
  /** Resolves once, whatever the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Throws ERR_KWIK_STREAM_LIMIT when no credit is left. */
  openStream(options?: StreamOptions): Stream;
  /**
   * A new stream as soon as the peer's credit allows one more (RFC 9000, section 4.6). Rejects with ERR_KWIK_ABORTED when
   * `signal` gives up the wait, with the reason of the session's end, and with ERR_KWIK_INVALID_STATE at a secondary.
   */
  openStreamWhenReady(options?: StreamOptions & { signal?: AbortSignal }): Promise<Stream>;
  /** The same by the name that QUIC programs know. */
  openStreamSync(options?: StreamOptions & { signal?: AbortSignal }): Promise<Stream>;
  /**
   * The next stream that the peer opened, each once, in the order of their opening, whatever their kind and over however
   * many paths they come; also one that was over before anybody heard of it. A stream whose place in that order is not
   * known is held back until it is, though no longer than 1 s and two round trips; after those, and when the session ends,
   * only the order within a kind is certain. What came before the session ended is still given out afterwards; then it
   * rejects. A stream counts against the peer's credit until it is accepted and both its sides are over.
   */
  acceptStream(options?: { signal?: AbortSignal }): Promise<Stream>;
  getActivePaths(): PathInfo[];
  /** Those of `getAllPaths` that are dead. */
  getDeadPaths(): PathInfo[];
  /** Every path since the session began; of more than 1,024 the oldest dead ones are forgotten. */
  getAllPaths(): PathInfo[];
  /**
   * Calls `listener` when a path appears or changes its state, and when its server says how it is (`PathInfo.serverHealth`), once a
   * second for each path at the most. Returns the function that ends it.
   */
  onPathChange(listener: (path: PathInfo) => void): () => void;
  /**
   * At a client: calls `listener` each time another server of the fleet has become the primary (`listen({ takeover })`). Streams
   * that are opened from then on, in `listener` too, go to that server. At a server it is never called: see
   * `ServerSession.takenOver`. Returns the function that ends it.
   */
  onTakeover(listener: (takeover: Takeover) => void): () => void;
  /**
   * At a client: calls `listener` when the primary wants to stop and streams of the application keep the session there, once for each standby. As
   * soon as they have ended the session goes to the standby, and `onTakeover` tells. What is new can be had there at once, in another
   * session. At a server it is never called. Returns the function that ends it.
   */
  onLeaving(listener: (leaving: Leaving) => void): () => void;
  /**
   * How much of its service the session has now, and why not all of it: `full` while it has as many usable paths as it ever had
   * at once, and neither they nor this end lack anything.
   */
  readonly serviceLevel: ServiceLevel;
  /** Also after its end. */
  stats(): SessionStats;
  /** Calls `listener` when the level is another one, until the session ends. Returns the function that ends it. */
  onServiceLevelChange(listener: (level: ServiceLevel) => void): () => void;
  /**
   * Where the last pieces that this end sent over a path lie in its QUIC streams, for diagnosis; undefined without the
   * option `diagnostics`. Throws ERR_KWIK_PATH_NOT_FOUND or ERR_KWIK_PATH_DEAD.
   */
  offsetMap(pathId: number): OffsetMap | undefined;
  /**
   * Sets a path of this end aside: it stays connected, and carries data only when no other leads to the same peer.
   * Throws ERR_KWIK_PATH_NOT_FOUND, ERR_KWIK_PATH_DEAD, ERR_KWIK_INVALID_STATE.
   */
  suspendPath(pathId: number, reason?: string): void;
  resumePath(pathId: number): void;
  /**
   * At a client: asks the primary to take on one more server for the session's content (1), or to give one back (-1). The
   * primary decides by its own rules (docs/scaling.md). Resolves when it is done. Rejects with ERR_KWIK_UNSUPPORTED when the
   * primary does not scale, ERR_KWIK_LIMIT_EXCEEDED with the reason why it does not now, or why the server could not be
   * reached; with ERR_KWIK_INVALID_STATE at a server.
   */
  requestPaths(change: 1 | -1, reason?: string): Promise<void>;
  /**
   * Ends the session in good order: nothing new is taken, what was written is delivered, and then both ends are told.
   * After `timeoutMs` (default: that of the session, 5 s; 0: at once) it ends all the same, and `close` of the streams
   * that were not delivered rejects. Resolves when the session has ended, for whatever reason. A second call waits for the
   * first; with `timeoutMs: 0` it ends the wait.
   */
  close(code?: number, reason?: string, options?: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  readonly timeoutMs?: number;
}

export interface AddPathOptions {
  /** Further addresses of the same server, `host:port`, tried in turn when it cannot be reached at the first. */
  readonly alternatives?: readonly string[];
  /** Whether the path is connected again when it is lost, with growing waits. Default: true. */
  readonly reconnect?: boolean;
  /** Share of the path for weighted schedulers, 1 to 1000. Default: 1. */
  readonly weight?: number;
  /** Name to check the server's certificate against, when it is not the host of the address. */
  readonly serverName?: string;
  /** How long the client may take to connect, milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /**
   * What the server may do in this session. Default: the least, `['replica']`; then every byte of it is checked against
   * this server's digests. `contribute`: it writes into streams, unchecked, where `grantContribution` lets it. `raw`: raw
   * packets. The client holds it to that. `relay`: it forwards datagrams of a further path between client and this server,
   * and can neither read nor change them.
   */
  readonly capabilities?: readonly PathCapability[];
  /** With the capability `relay`: what the server may forward. */
  readonly relay?: RelayedTraffic;
}

export type PathCapability = 'contribute' | 'replica' | 'relay' | 'raw';

export interface RawPacket {
  readonly data: Uint8Array;
  /** The path that brought it here. */
  readonly pathId: PathId;
  /**
   * Whose packet it is, as the client says that passed it on: the number of the sender's path, 0 for the primary. A server
   * that takes commands takes them from 0. Undefined: the client does not say.
   */
  readonly from: PathId | undefined;
}

/** Bytes of a stream: `length` of them from KWIK offset `offset` on. */
export interface ContributionRange {
  readonly offset: bigint;
  readonly length: bigint;
}

export interface Contribution {
  /**
   * Resolves when accepted by the bounded send buffer. `offset` is the KWIK offset in the stream. The primary ends the
   * stream when it knows that contributions have arrived: once it is ended it cannot be reset, and a reader waits for
   * bytes that a lost contributor no longer brings. The bytes are copied before it returns, as those of `Stream.write`;
   * of writes that wait the one with the lowest offset is accepted first.
   */
  writeAt(offset: bigint, data: BytesLike): Promise<void>;
  /** Resolves when everything written was acknowledged; rejects when the client stopped reading before. */
  close(): Promise<void>;
}

export interface ServerSession extends Session {
  /** Who the client is, when it authenticated as somebody. */
  readonly identity?: string;
  /**
   * Another server began the session, and is gone: this one is its primary now. Streams of before are over, but for content that
   * the client still gets; those that it opens from now on come by `acceptStream`.
   */
  readonly takenOver: boolean;
  /** The server that began it, by its `identity.serverId`, or its address where it has none. Undefined: `takenOver` is false, or it did not say. */
  readonly takenFrom?: string;
  /**
   * Asks the client to open a path to `address` (`host:port`); resolves when it carries data, rejects with the client's
   * reason. Primary only. A path that is lost later is connected again under its number.
   */
  addPath(address: string, options?: AddPathOptions): Promise<PathInfo>;
  /**
   * The path takes nothing new, delivers what is under way (within 5 s), and goes. Rejects with ERR_KWIK_PATH_NOT_FOUND
   * or ERR_KWIK_PATH_DEAD. A path that was lost is given up, also while it is being connected again; the `addPath` of one
   * that is being connected for the first time rejects with ERR_KWIK_PATH_REMOVED.
   */
  removePath(pathId: number, reason?: string): Promise<void>;
  /**
   * Hands bytes to the server at the end of `pathId`, through the client, which does not read them. They are copied before
   * it returns.
   */
  sendRawPacket(data: BytesLike, pathId: number): Promise<void>;
  /** Raw packets that reached this server. At most 1,024 of them, and 4 MiB, wait; what comes beyond is dropped. */
  rawPackets(): AsyncIterable<RawPacket>;
  /** Since the session began; `received` counts those that were dropped, too. */
  rawPacketCounts(): { readonly received: number; readonly dropped: number };
  /**
   * Primary only: from now on the server at the end of `pathId` writes these bytes of the stream, and nobody else does.
   * They were left out with `skip`, or lie ahead of what was written. Resolves when the client knows, so await it before
   * that server is told: bytes that come without a grant end its path. A later grant of the same bytes takes them from
   * whoever had them. Rejects with ERR_KWIK_PERMISSION_DENIED (no `contribute`), ERR_KWIK_INVALID_ARGUMENT,
   * ERR_KWIK_LIMIT_EXCEEDED (16,384 ranges of the stream are not read yet), ERR_KWIK_STREAM_CLOSED and as `removePath` does.
   */
  grantContribution(pathId: number, streamId: bigint, ranges: readonly ContributionRange[]): Promise<void>;
  /** Secondary only: writes into a stream of the session where the primary granted it bytes. */
  contribute(streamId: bigint): Contribution;
}

import { createHash } from 'node:crypto';
import { errorFromDetail, errorToDetail, issueContentGrant, type TokenSigner } from '@kwik/kcp';
import { copyOfBytes, KwikError, proto, toStreamId, type SessionId, type StreamId } from '@kwik/wire';
import type { ReplicaSource } from '../api/session.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { ContentStream } from '../runtime/streams/stream-host.js';
import { Waiters } from '../runtime/waiting/waiters.js';
import type { ContentPath, ContentServer } from './content-server.js';

/** Content up to this size goes by the primary alone: asking others would take longer than sending it. */
const SINGLE_SOURCE_BYTES = 64 * 1024;
/**
 * What the reader waits for when a server is late is a block, and a tail may be one: they are a small part of the whole.
 * In long content fewer of them cost less than that matters.
 */
const BLOCK_BYTES = [
  { upTo: 4 * 1024 * 1024, blockBytes: 16 * 1024 },
  { upTo: 1024 * 1024 * 1024, blockBytes: 32 * 1024 },
  { upTo: Number.POSITIVE_INFINITY, blockBytes: 64 * 1024 },
];
/** Sent before the client asks: what a path of 50 Mbit/s carries in 20 ms. */
const UNASKED_BYTES = 128 * 1024;
/** Digests go ahead of what the client has, so that they survive the primary's path, but not without a bound. */
const DIGESTS_AHEAD_BYTES = 256 * 1024 * 1024;
const DIGEST_READ_BYTES = 1024 * 1024;
/** Of another primary's content; no version has smaller ones. */
const MIN_BLOCK_BYTES = 4 * 1024;
/** As many as a client has under way at once. */
const MAX_RESUMED = 4096;
/** As long as the longest transfer that anybody waits for. */
const GRANT_LIFE_MS = 24 * 3600 * 1000;
/** Messages wait in a bounded queue; above this the digests wait instead. */
const MAX_QUEUED_CONTROL_BYTES = 256 * 1024;

export interface ContentSenderOptions {
  readonly sessionId: SessionId;
  readonly signer: TokenSigner;
  readonly wallClockMs: () => number;
}

/** Of a path to the client. */
interface SenderPath extends ContentPath {
  readonly port: { readonly control?: { readonly channel: { readonly queuedBytes: number } } | undefined };
}

interface Sending {
  readonly waiters: Waiters;
  readonly start: proto.ContentStart;
  delivered: number;
  /** Content offset from which digests are to be sent next. */
  digestsFrom: number;
  /** A path that carried control messages was lost: the client has to say how far the digests came. */
  interrupted: boolean;
  /** What the client is told of the content goes over one path, in order, as long as that lives. */
  path: SenderPath | undefined;
  /** Those over which the client said that it goes on with the content. */
  readonly resumedOver: WeakSet<SenderPath>;
  end: proto.ContentEnd | undefined;
  /** A primary before this one announced it: the client says what it wants of it, and how far it is. */
  readonly resumed: boolean;
}

function newSending(start: proto.ContentStart, resumed = false): Sending {
  const [waiters, resumedOver] = [new Waiters(), new WeakSet<SenderPath>()];
  const none = { path: undefined, end: undefined };
  return { waiters, start, delivered: 0, digestsFrom: 0, interrupted: false, resumedOver, resumed, ...none };
}

/**
 * The client says over which path it hears of the content now, and which digests it has. Once over each path that it gets: one that
 * says so by turns on two that live would have everything hashed again at each word.
 */
function goOnAt(state: Sending, path: SenderPath, { digestsEnd }: proto.ContentResume): void {
  if (state.path?.alive === true && state.resumedOver.has(path)) return;
  state.resumedOver.add(path);
  // From the last one that it has: by it the client sees whether both servers mean the same content.
  const digestsFrom = Math.max(0, Number(digestsEnd) - 1) * state.start.blockBytes;
  Object.assign(state, { path, digestsFrom, interrupted: false });
  state.waiters.wake();
}

/** The primary's side of a multi-source stream: announces the content, and sends the digests that others' bytes must match. */
export class ContentSender implements Feature {
  readonly #session: SessionContext;
  readonly #server: ContentServer;
  readonly #options: ContentSenderOptions;
  readonly #sending = new Map<StreamId, Sending>();
  /** Contents of the primary before that were asked for here, also those that have ended. */
  readonly #resumed = new Set<StreamId>();
  #offeredBytes = 0;

  constructor(session: SessionContext, server: ContentServer, options: ContentSenderOptions) {
    this.#session = session;
    this.#server = server;
    this.#options = options;
  }

  /** Content is under way. */
  get isSending(): boolean {
    return this.#sending.size > 0;
  }

  /** Of all contents since the session began: what other servers were allowed to send. */
  get offeredBytes(): number {
    return this.#offeredBytes;
  }

  readonly handlers: ControlHandlers<SenderPath> = {
    contentProgress: (_client, message) => this.#progress(message),
    contentEnd: (_client, message) => this.#ended(message),
    contentResume: (client, message) => this.#resume(client, message),
  };

  async sendContent(handle: ContentStream, key: string, source: ReplicaSource, end = false): Promise<void> {
    if (this.#sending.has(handle.id)) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', `stream ${handle.id} already sends content; await it first`);
    }
    const size = checkedSize(source);
    if (size <= SINGLE_SOURCE_BYTES) {
      if (size > 0) await handle.writeOwned(await readExactly(source, 0, size, new AbortController().signal));
      return;
    }
    const send = handle.state.send!;
    const baseOffset = send.reserve(size);
    const room = send.maxOffset - baseOffset;
    const start = { ...this.#startMessage(handle.id, key, size, baseOffset, room), endsStream: end };
    const state = newSending(start);
    this.#sending.set(handle.id, state);
    this.#offeredBytes += size;
    const abort = new AbortController();
    try {
      this.#announce(handle, source, baseOffset, state);
      const digests = this.#sendDigests(source, state, abort.signal);
      // Its failure ends the content; awaited here so that no rejection goes unseen.
      await Promise.race([digests.then(() => this.#whenEnded(handle.id, state)), this.#whenEnded(handle.id, state)]);
    } catch (error) {
      const failure = KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED');
      if (state.end === undefined) this.#giveUp(handle, failure);
      throw failure;
    } finally {
      abort.abort();
      state.waiters.wake();
      this.#sending.delete(handle.id);
      this.#server.end(handle.id);
    }
  }

  /**
   * Content that another primary announced: the client asks for ranges of it, and for the digests that it does not have. It is resumed
   * once, and told of again by each path that the client gets: what was read and hashed for a client is not read again at its word.
   */
  #resume(path: SenderPath, message: proto.ContentResume): void {
    const streamId = toStreamId(message.streamId);
    const known = this.#sending.get(streamId);
    if (known !== undefined) {
      if (known.resumed) goOnAt(known, path, message);
      return;
    }
    const { blockBytes, baseOffset } = message;
    if (blockBytes < MIN_BLOCK_BYTES || DIGEST_READ_BYTES % blockBytes !== 0) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `content in blocks of ${blockBytes} bytes`);
    }
    if (this.#resumed.has(streamId) || this.#resumed.size >= MAX_RESUMED) {
      const text = `the content of stream ${streamId} was resumed here before, or too many others were`;
      this.#server.refuse(path, streamId, new KwikError('ERR_KWIK_PERMISSION_DENIED', text));
      return;
    }
    this.#resumed.add(streamId);
    const none = { key: '', size: 0n, initialBytes: 0n, endsStream: false, grant: new Uint8Array(0) };
    const start = { streamId, baseOffset, blockBytes, digest: proto.DigestAlgorithm.SHA256, ...none };
    const state = newSending(start, true);
    goOnAt(state, path, message);
    this.#sending.set(streamId, state);
    void this.#sendResumed(path, message, state);
  }

  async #sendResumed(path: SenderPath, message: proto.ContentResume, state: Sending): Promise<void> {
    const streamId = toStreamId(message.streamId);
    const abort = new AbortController();
    try {
      const source = await this.#server.resume(path, message);
      if (source === undefined) return;
      const digests = this.#sendDigests(source, state, abort.signal);
      await Promise.race([digests.then(() => this.#whenEnded(streamId, state)), this.#whenEnded(streamId, state)]);
    } catch (error) {
      this.#server.fail(streamId, KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED'));
    } finally {
      abort.abort();
      state.waiters.wake();
      this.#sending.delete(streamId);
      this.#server.end(streamId);
    }
  }

  /** Tells the client that the rest will not come. */
  #giveUp(handle: ContentStream, error: KwikError): void {
    if (this.#session.closeInfo !== undefined) return;
    const value = { streamId: handle.id, complete: false, error: errorToDetail(error) };
    this.#path()?.send({ $case: 'contentEnd', value });
  }

  #progress(message: proto.ContentProgress): void {
    const state = this.#sending.get(toStreamId(message.streamId));
    if (state === undefined) return;
    state.delivered = Math.max(state.delivered, Number(message.deliveredBytes));
    if (state.interrupted) {
      state.interrupted = false;
      state.digestsFrom = Math.min(state.digestsFrom, Number(message.digestsEnd) * state.start.blockBytes);
    }
    state.waiters.wake();
  }

  #ended(message: proto.ContentEnd): void {
    const state = this.#sending.get(toStreamId(message.streamId));
    if (state === undefined) return;
    state.end = message;
    state.waiters.wake();
  }

  /** A path to the client was lost, and messages with it: the client tells what it has once it hears of the content. */
  onPathDead(): void {
    for (const state of this.#sending.values()) if (state.path?.alive !== true) state.interrupted = true;
    this.onPathUp();
  }

  /** Tells the client again of all content under way, if there is a path to it. */
  onPathUp(): void {
    const path = this.#path();
    if (path === undefined) return;
    for (const state of this.#sending.values()) {
      if (!state.interrupted || state.resumed) continue;
      state.path = path;
      path.send({ $case: 'contentStart', value: { ...state.start, initialBytes: 0n } });
    }
  }

  /** The session ended: whoever waits looks again. */
  onEnd(): void {
    for (const state of this.#sending.values()) state.waiters.wake();
  }

  /** `room`: bytes of the content that the stream's window has room for now. */
  #startMessage(streamId: StreamId, key: string, size: number, baseOffset: number, room: number): proto.ContentStart {
    const { sessionId, signer, wallClockMs } = this.#options;
    const expiresMs = wallClockMs() + GRANT_LIFE_MS;
    return {
      streamId,
      baseOffset: BigInt(baseOffset),
      key,
      size: BigInt(size),
      blockBytes: blockBytesFor(size),
      digest: proto.DigestAlgorithm.SHA256,
      grant: issueContentGrant(signer, { sessionId, streamId, key, size: BigInt(size), expiresMs }),
      initialBytes: BigInt(unaskedBytes(size, room)),
      endsStream: false,
    };
  }

  #announce(handle: ContentStream, source: ReplicaSource, baseOffset: number, state: Sending): void {
    const supply = this.#server.open(handle.state, source, baseOffset);
    const path = this.#path();
    if (path === undefined) {
      state.interrupted = true;
      return;
    }
    state.path = path;
    path.send({ $case: 'contentStart', value: state.start });
    const { blockBytes } = state.start;
    const unasked = Number(state.start.initialBytes);
    for (let offset = 0, block = 0n; offset < unasked; offset += blockBytes, block++) {
      supply.request(path.id, block, offset, Math.min(blockBytes, Number(source.size) - offset));
    }
    void this.#server.pump(handle.id);
  }

  async #sendDigests(source: ReplicaSource, state: Sending, signal: AbortSignal): Promise<void> {
    const { streamId, blockBytes } = state.start;
    const size = Number(source.size);
    for (;;) {
      // Hashing must not hold up the content itself, nor other sessions: in between everybody has a turn.
      await new Promise<void>((resolve) => this.#session.clock.schedule(0, resolve));
      const path = await this.#digestTurn(size, state, signal);
      if (path === undefined) return;
      const offset = state.digestsFrom;
      const length = Math.min(DIGEST_READ_BYTES, size - offset);
      const digests = await digestsOf(source, offset, length, blockBytes, signal);
      // Meanwhile the path may have been lost, and the client have said where to go on.
      if (state.interrupted || state.path !== path || state.digestsFrom !== offset) continue;
      path.send({
        $case: 'contentDigests',
        value: { streamId, firstBlock: BigInt(offset / blockBytes), digests },
      });
      state.digestsFrom += length;
    }
  }

  /** Waits until the next digests may go; undefined when there is nothing left to send. */
  async #digestTurn(size: number, state: Sending, signal: AbortSignal): Promise<SenderPath | undefined> {
    for (;;) {
      this.#session.assertOpen();
      if (signal.aborted || state.end !== undefined) return undefined;
      const path = state.path?.alive === true ? state.path : undefined;
      const queued = path?.port.control?.channel.queuedBytes ?? 0;
      const mayGo = state.digestsFrom - state.delivered <= DIGESTS_AHEAD_BYTES && queued < MAX_QUEUED_CONTROL_BYTES;
      if (path !== undefined && !state.interrupted && state.digestsFrom < size && mayGo) return path;
      await state.waiters.wait();
    }
  }

  async #whenEnded(streamId: StreamId, state: Sending): Promise<void> {
    for (;;) {
      if (state.end?.complete === true) return;
      if (state.end !== undefined) {
        const detail = state.end.error;
        throw detail === undefined ? new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE') : errorFromDetail(detail);
      }
      if (!this.#server.isOpen(streamId)) {
        throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the source of stream ${streamId} failed at the primary`);
      }
      this.#session.assertOpen();
      await state.waiters.wait();
    }
  }

  #path(): SenderPath | undefined {
    return this.#session.controlPath;
  }
}

/** A copy: the source may read into the same memory again. */
async function readExactly(
  source: ReplicaSource,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = copyOfBytes(await source.read(BigInt(offset), length, signal), 'what the source read');
  if (bytes.length === length) return bytes;
  throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the source gave ${bytes.length} bytes of ${length} at ${offset}`);
}

async function digestsOf(
  source: ReplicaSource,
  offset: number,
  length: number,
  blockBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await readExactly(source, offset, length, signal);
  const digests: Uint8Array[] = [];
  for (let at = 0; at < length; at += blockBytes) {
    digests.push(
      createHash('sha256')
        .update(bytes.subarray(at, at + blockBytes))
        .digest(),
    );
  }
  return Buffer.concat(digests);
}

/** What is sent unasked: what the client surely wants, and no more than it gave room for; whole blocks. */
function unaskedBytes(size: number, room: number): number {
  const most = Math.max(0, Math.min(UNASKED_BYTES, room));
  return size <= most ? size : most - (most % blockBytesFor(size));
}

function blockBytesFor(size: number): number {
  return BLOCK_BYTES.find(({ upTo }) => size <= upTo)!.blockBytes;
}

function checkedSize(source: ReplicaSource): number {
  if (source.size < 0n || source.size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a source of ${source.size} bytes cannot be sent`);
  }
  return Number(source.size);
}

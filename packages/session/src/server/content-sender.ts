import { createHash } from 'node:crypto';
import { errorFromDetail, errorToDetail, issueContentGrant, type Ed25519Signer } from '@kwik/kcp';
import { KwikError, proto, toStreamId, type SessionId, type StreamId } from '@kwik/wire';
import type { ReplicaSource } from '../api/session.js';
import type { SessionEngine } from '../runtime/engine.js';
import type { PathRuntime } from '../runtime/path-runtime.js';
import type { StreamHandle } from '../runtime/stream-handle.js';
import { Waiters } from '../runtime/waiters.js';
import type { ContentServer } from './content-server.js';

/** Content up to this size goes by the primary alone: asking others would take longer than sending it. */
export const SINGLE_SOURCE_BYTES = 64 * 1024;
const SMALL_BLOCK_BYTES = 16 * 1024;
const LARGE_BLOCK_BYTES = 64 * 1024;
/** Up to this size small blocks serve: a tail of one block is then a small part of the whole. */
const SMALL_BLOCKS_UP_TO_BYTES = 4 * 1024 * 1024;
/** Sent before the client asks: what a path of 50 Mbit/s carries in 20 ms. */
const UNASKED_BYTES = 128 * 1024;
/** Digests go ahead of what the client has, so that they survive the primary's path, but not without a bound. */
const DIGESTS_AHEAD_BYTES = 256 * 1024 * 1024;
const DIGEST_READ_BYTES = 1024 * 1024;
/** As long as the longest transfer that anybody waits for. */
const GRANT_LIFE_MS = 24 * 3600 * 1000;
/** Messages wait in a bounded queue; above this the digests wait instead. */
const MAX_QUEUED_CONTROL_BYTES = 256 * 1024;

export interface ContentSenderOptions {
  readonly sessionId: SessionId;
  readonly signer: Ed25519Signer;
  readonly wallClockMs: () => number;
}

interface Sending {
  readonly waiters: Waiters;
  delivered: number;
  end: proto.ContentEnd | undefined;
}

/** The primary's side of a multi-source stream: announces the content, and sends the digests that others' bytes must match. */
export class ContentSender {
  readonly #engine: SessionEngine;
  readonly #server: ContentServer;
  readonly #options: ContentSenderOptions;
  readonly #sending = new Map<StreamId, Sending>();

  constructor(engine: SessionEngine, server: ContentServer, options: ContentSenderOptions) {
    this.#engine = engine;
    this.#server = server;
    this.#options = options;
  }

  async send(handle: StreamHandle, key: string, source: ReplicaSource): Promise<void> {
    if (this.#sending.has(handle.id)) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', `stream ${handle.id} already sends content; await it first`);
    }
    const size = checkedSize(source);
    if (size <= SINGLE_SOURCE_BYTES) {
      if (size > 0) await handle.write(await source.read(0n, size, new AbortController().signal));
      return;
    }
    const state: Sending = { waiters: new Waiters(), delivered: 0, end: undefined };
    this.#sending.set(handle.id, state);
    const abort = new AbortController();
    try {
      this.#announce(handle, key, source, size);
      const digests = this.#sendDigests(handle, source, size, state, abort.signal);
      // Its failure ends the content; awaited here so that no rejection goes unseen.
      await Promise.race([digests.then(() => this.#whenEnded(handle, state)), this.#whenEnded(handle, state)]);
    } catch (error) {
      const failure = KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED');
      if (state.end === undefined) this.#giveUp(handle, failure);
      throw failure;
    } finally {
      abort.abort();
      this.#sending.delete(handle.id);
      this.#server.end(handle.id);
    }
  }

  /** Tells the client that the rest will not come. */
  #giveUp(handle: StreamHandle, error: KwikError): void {
    if (this.#engine.closeInfo !== undefined) return;
    const value = { streamId: handle.id, complete: false, error: errorToDetail(error) };
    this.#path().send({ $case: 'contentEnd', value });
    this.#engine.wake();
  }

  progress(message: proto.ContentProgress): void {
    const state = this.#sending.get(toStreamId(message.streamId));
    if (state === undefined) return;
    state.delivered = Math.max(state.delivered, Number(message.deliveredBytes));
    state.waiters.wake();
  }

  ended(message: proto.ContentEnd): void {
    const state = this.#sending.get(toStreamId(message.streamId));
    if (state === undefined) return;
    state.end = message;
    state.waiters.wake();
  }

  /** The session ended: whoever waits looks again. */
  wakeAll(): void {
    for (const state of this.#sending.values()) state.waiters.wake();
  }

  #announce(handle: StreamHandle, key: string, source: ReplicaSource, size: number): void {
    const stream = handle.state;
    const baseOffset = stream.send!.reserve(size);
    const supply = this.#server.open(stream, source, baseOffset);
    const blockBytes = blockBytesFor(size);
    const unasked = Math.min(size, UNASKED_BYTES);
    const { sessionId, signer, wallClockMs } = this.#options;
    const expiresMs = wallClockMs() + GRANT_LIFE_MS;
    this.#path().send({
      $case: 'contentStart',
      value: {
        streamId: handle.id,
        baseOffset: BigInt(baseOffset),
        key,
        size: BigInt(size),
        blockBytes,
        digest: proto.DigestAlgorithm.SHA256,
        grant: issueContentGrant(signer, { sessionId, streamId: handle.id, key, size: BigInt(size), expiresMs }),
        initialBytes: BigInt(unasked),
      },
    });
    for (let offset = 0, block = 0n; offset < unasked; offset += blockBytes, block++) {
      supply.request(block, offset, Math.min(blockBytes, size - offset));
    }
    void this.#server.pump(handle.id);
    this.#engine.wake();
  }

  async #sendDigests(
    handle: StreamHandle,
    source: ReplicaSource,
    size: number,
    state: Sending,
    signal: AbortSignal,
  ): Promise<void> {
    const blockBytes = blockBytesFor(size);
    for (let offset = 0; offset < size; offset += DIGEST_READ_BYTES) {
      await this.#digestTurn(offset, state, signal);
      if (signal.aborted || state.end !== undefined) return;
      const length = Math.min(DIGEST_READ_BYTES, size - offset);
      const bytes = await source.read(BigInt(offset), length, signal);
      if (bytes.length !== length) {
        throw new KwikError(
          'ERR_KWIK_SOURCE_FAILED',
          `the source gave ${bytes.length} bytes of ${length} at ${offset}`,
        );
      }
      const digests: Uint8Array[] = [];
      for (let at = 0; at < length; at += blockBytes) {
        digests.push(
          createHash('sha256')
            .update(bytes.subarray(at, at + blockBytes))
            .digest(),
        );
      }
      this.#path().send({
        $case: 'contentDigests',
        value: { streamId: handle.id, firstBlock: BigInt(offset / blockBytes), digests: Buffer.concat(digests) },
      });
      this.#engine.wake();
    }
  }

  /** Waits until the digests from `offset` on may go. */
  async #digestTurn(offset: number, state: Sending, signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#engine.assertOpen();
      if (signal.aborted || state.end !== undefined) return;
      const queued = this.#path().port.control?.channel.queuedBytes ?? 0;
      if (offset - state.delivered <= DIGESTS_AHEAD_BYTES && queued < MAX_QUEUED_CONTROL_BYTES) return;
      await state.waiters.wait();
    }
  }

  async #whenEnded(handle: StreamHandle, state: Sending): Promise<void> {
    for (;;) {
      if (state.end?.complete === true) return;
      if (state.end !== undefined) {
        const detail = state.end.error;
        throw detail === undefined ? new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE') : errorFromDetail(detail);
      }
      if (!this.#server.isOpen(handle.id)) {
        throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the source of stream ${handle.id} failed at the primary`);
      }
      this.#engine.assertOpen();
      await state.waiters.wait();
    }
  }

  #path(): PathRuntime {
    this.#engine.assertOpen();
    const path = this.#engine.paths.values().next().value;
    if (path === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the client is not connected');
    return path;
  }
}

function blockBytesFor(size: number): number {
  return size <= SMALL_BLOCKS_UP_TO_BYTES ? SMALL_BLOCK_BYTES : LARGE_BLOCK_BYTES;
}

function checkedSize(source: ReplicaSource): number {
  if (source.size < 0n || source.size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a source of ${source.size} bytes cannot be sent`);
  }
  return Number(source.size);
}

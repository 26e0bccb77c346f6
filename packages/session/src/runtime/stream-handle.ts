import type { Duplex } from 'node:stream';
import { KwikError, PRIMARY_PATH_ID, type PathId, type StreamId } from '@kwik/wire';
import type { ReplicaSource, Stream } from '../api/session.js';
import { PRIORITY_LEVELS, type StreamState } from '../core/streams/stream-state.js';
import type { SessionEngine } from './engine.js';
import { duplexOf, readableOf, writableOf } from './stream-adapters.js';
import { Waiters } from './waiters.js';

/** Writes that were not awaited; each holds a copy of its bytes. */
const MAX_PENDING_WRITES = 1024;

/** What a role adds to streams. */
export interface StreamExtension {
  sendFrom(handle: StreamHandle, key: string, source: ReplicaSource): Promise<void>;
}

/** A logical stream in the hands of the application. */
export class StreamHandle implements Stream {
  readonly #engine: SessionEngine;
  readonly #state: StreamState;
  readonly #extension: StreamExtension;
  readonly #waiters = new Waiters();
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  /** Settles when the last write has been accepted; never rejects. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  #pendingWrites = 0;
  /** Why content that was announced will not come. */
  #failure: KwikError | undefined;

  constructor(engine: SessionEngine, state: StreamState, extension: StreamExtension) {
    this.#engine = engine;
    this.#state = state;
    this.#extension = extension;
  }

  get id(): StreamId {
    return this.#state.id;
  }

  get pathId(): PathId {
    return this.#engine.controlPath?.id ?? PRIMARY_PATH_ID;
  }

  get state(): StreamState {
    return this.#state;
  }

  async read(options: { signal?: AbortSignal } = {}): Promise<Uint8Array | null> {
    const receive = this.#state.receive;
    if (receive === undefined) throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not readable here`);
    for (;;) {
      const chunk = this.#engine.plane.read(this.#state);
      if (chunk !== undefined) {
        this.#engine.wake();
        return chunk.data;
      }
      switch (receive.state) {
        case 'finished':
          this.#engine.plane.settle(this.#state);
          this.#forgetWhenDone();
          return null;
        case 'stopped':
          return null;
        case 'reset':
          throw new KwikError('ERR_KWIK_STREAM_RESET', `the peer reset stream ${this.id} (code ${receive.resetCode})`, {
            applicationCode: receive.resetCode ?? 0,
          });
        case 'open':
          break;
      }
      if (this.#failure !== undefined) throw this.#failure;
      this.#engine.assertOpen();
      await this.#waiters.wait(options.signal);
    }
  }

  /** Writes that were not awaited keep their order: each begins when the one before has been accepted. */
  write(data: Uint8Array | string): Promise<void> {
    // A copy, because the bytes are kept until they are acknowledged and the caller may reuse its buffer at once.
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data.slice();
    if (++this.#pendingWrites > MAX_PENDING_WRITES) {
      this.#pendingWrites--;
      return Promise.reject(
        new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${MAX_PENDING_WRITES} writes wait on stream ${this.id}; await them`),
      );
    }
    const done = this.#lastWrite.then(() => this.#writeNow(bytes)).finally(() => this.#pendingWrites--);
    this.#lastWrite = done.catch(() => undefined);
    return done;
  }

  async #writeNow(bytes: Uint8Array): Promise<void> {
    const send = this.#sendHalf();
    let written = 0;
    do {
      this.#engine.assertOpen();
      const room = send.room;
      if (room > 0 || bytes.length === 0) {
        const piece = bytes.subarray(written, written + room);
        send.write(piece);
        written += piece.length;
        this.#engine.plane.offer(this.#state);
        this.#engine.wake();
      }
      if (written < bytes.length) await this.#waiters.wait();
    } while (written < bytes.length);
  }

  skip(bytes: bigint): bigint {
    const send = this.#sendHalf();
    if (this.#pendingWrites > 0) throw new KwikError('ERR_KWIK_INVALID_STATE', 'await the writes before skip');
    if (bytes < 0n || BigInt(send.writeOffset) + bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `cannot skip ${bytes} bytes`);
    }
    return BigInt(send.skip(Number(bytes)));
  }

  async close(): Promise<void> {
    const send = this.#state.send;
    if (send === undefined || send.state === 'reset') return;
    await this.#lastWrite;
    send.finish();
    this.#engine.plane.offer(this.#state);
    this.#engine.wake();
    for (;;) {
      if (send.state === 'closed' || send.stopCode !== undefined) break;
      if (send.resetCode !== undefined) break;
      // A session that ended in good order took what its application wanted of this stream.
      if (this.#engine.closeInfo?.code === 0) break;
      this.#engine.assertOpen();
      await this.#waiters.wait();
    }
    this.#forgetWhenDone();
  }

  async peerStopped(options: { signal?: AbortSignal } = {}): Promise<number | undefined> {
    const send = this.#state.send;
    while (send !== undefined && send.stopCode === undefined) {
      const over = send.state === 'closed' || send.state === 'reset' || this.#engine.closeInfo !== undefined;
      if (over) return undefined;
      await this.#waiters.wait(options.signal);
    }
    return send?.stopCode;
  }

  /** Resolves when everything written was acknowledged. */
  async flushed(): Promise<void> {
    const send = this.#sendHalf();
    while (!send.flushed) {
      this.#engine.assertOpen();
      await this.#waiters.wait();
    }
  }

  reset(code = 0): void {
    checkCode(code);
    this.#engine.plane.resetStream(this.#state, code);
    this.#engine.wake();
    this.wake();
  }

  stopSending(code = 0): void {
    checkCode(code);
    this.#engine.plane.stopSending(this.#state, code);
    this.#engine.wake();
    this.wake();
  }

  setPriority(priority: number): void {
    if (!Number.isInteger(priority) || priority < 0 || priority >= PRIORITY_LEVELS) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `priority ${priority} is not a whole number from 0 to 7`);
    }
    this.#state.priority = priority;
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= readableOf(this);
    return this.#readable;
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= writableOf(this);
    return this.#writable;
  }

  toDuplex(): Duplex {
    return duplexOf(this);
  }

  async sendFrom(key: string, source: ReplicaSource): Promise<void> {
    this.#sendHalf();
    await this.#lastWrite;
    await this.#extension.sendFrom(this, key, source);
  }

  /** Something about the stream changed: whoever waits looks again. */
  wake(): void {
    this.#waiters.wake();
  }

  /** Content that the primary announced cannot be had: the reader is told. */
  fail(error: KwikError): void {
    this.#failure ??= error;
    this.wake();
  }

  wait(signal?: AbortSignal): Promise<void> {
    return this.#waiters.wait(signal);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let ended = false;
    try {
      for (;;) {
        const chunk = await this.read();
        if (chunk === null) break;
        yield chunk;
      }
      ended = true;
    } finally {
      if (!ended) this.stopSending();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.receive?.done === false) this.stopSending();
    if (this.#engine.closeInfo === undefined) await this.close();
  }

  #sendHalf(): NonNullable<StreamState['send']> {
    if (this.#state.send === undefined) {
      throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not writable here`);
    }
    return this.#state.send;
  }

  #forgetWhenDone(): void {
    if (this.#engine.plane.streams.get(this.id) === undefined) this.#engine.forgetHandle(this.id);
  }
}

function checkCode(code: number): void {
  if (!Number.isInteger(code) || code < 0 || code > 0xffff_ffff) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `code ${code} is not a whole number from 0 to 2^32-1`);
  }
}

import type { Duplex } from 'node:stream';
import { KwikError, type BytesLike, type PathId, type StreamId } from '@kwik/wire';
import type { ReplicaSource, SendFromOptions, Stream } from '../../api/session.js';
import type { ReceiveHalf } from '../../core/streams/receive-half.js';
import type { SendHalf } from '../../core/streams/send-half.js';
import { checkIntent, type StreamIntent } from '../../core/streams/stream-intent.js';
import { checkPriority, type StreamState } from '../../core/streams/stream-state.js';
import { bytesToWrite } from './bytes-to-write.js';
import { checkSendFrom, checkSource } from './check-source.js';
import { duplexOf } from './node-duplex.js';
import type { StreamHost } from './stream-host.js';
import { signalOf } from '../waiting/signal-of.js';
import { TurnQueue } from '../waiting/turn-queue.js';
import { Waiters } from '../waiting/waiters.js';
import { readableOf, writableOf } from './web-streams.js';
import { WriteQueue, type WriteOptions } from './write-queue.js';

/** A logical stream in the hands of the application. */
export class StreamHandle implements Stream {
  readonly #host: StreamHost;
  readonly #state: StreamState;
  readonly #waiters = new Waiters();
  readonly #reads = new TurnQueue(() => this.readNow());
  readonly #writes: WriteQueue | undefined;
  readonly #wakeListeners = new Set<() => void>();
  /** `close` was called: nothing more is written. */
  #ending = false;
  /** Contents that are being sent. */
  #contents = 0;
  /** Why one of them did not reach the peer. */
  #contentFailure: KwikError | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<BytesLike | string> | undefined;
  /** Why what is still to come will not. */
  #failure: KwikError | undefined;

  constructor(host: StreamHost, state: StreamState) {
    this.#host = host;
    this.#state = state;
    if (state.send === undefined) return;
    this.#writes = new WriteQueue({
      send: state.send,
      assertOpen: () => host.assertOpen(),
      onWritten: () => host.markReady(state),
    });
  }

  get id(): StreamId {
    return this.#state.id;
  }

  get pathId(): PathId {
    return this.#host.pathId;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** There is more to be sent than the send half knows. */
  get hasMoreToSend(): boolean {
    return this.#hasWaitingWrites || this.#contents > 0 || this.#wakeListeners.size > 0;
  }

  /** The peer's session has not acknowledged all that was handed over here. */
  get undelivered(): boolean {
    const send = this.#state.send;
    if (send === undefined || send.state === 'reset') return false;
    return this.hasMoreToSend || send.state === 'closing' || !send.flushed;
  }

  get #hasWaitingWrites(): boolean {
    return this.#writes?.idle === false;
  }

  read(options?: { signal?: AbortSignal }): Promise<Uint8Array | null> {
    try {
      return this.#reads.next(signalOf(options));
    } catch (error) {
      return Promise.reject(KwikError.from(error));
    }
  }

  /**
   * The next bytes; null at the end; undefined when there are none yet. Throws as `read` rejects. For readers that are alone:
   * it takes what those who wait in `read` have asked for before.
   */
  readNow(): Uint8Array | null | undefined {
    const receive = this.#state.receive;
    if (receive === undefined) throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not readable here`);
    const chunk = this.#host.read(this.#state);
    if (chunk !== undefined) {
      // Whoever waits for the end, and not for bytes.
      if (receive.state !== 'open') this.#waiters.wake();
      return chunk.data;
    }
    switch (receive.state) {
      case 'finished':
        this.#host.retireIfDone(this.#state);
        return null;
      case 'stopped':
        return null;
      case 'reset':
        throw this.#failure ?? this.#resetByPeer(receive);
      case 'open':
        break;
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#host.assertOpen();
    return undefined;
  }

  write(data: BytesLike | string, options?: { signal?: AbortSignal }): Promise<void> {
    try {
      const signal = signalOf(options);
      const bytes = bytesToWrite(data);
      this.#assertNotEnding();
      this.#host.assertTakes();
      return this.writeOwned(bytes, { signal, whole: signal !== undefined });
    } catch (error) {
      return Promise.reject(KwikError.from(error));
    }
  }

  /** As `write`, of bytes that nobody changes any more; also of what was handed over before the stream was to end. */
  writeOwned(bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    if (this.#writes !== undefined) return this.#writes.write(bytes, options);
    return Promise.reject(this.#notWritable());
  }

  skip(bytes: bigint): bigint {
    const send = this.#sendHalf();
    if (this.#hasWaitingWrites) throw new KwikError('ERR_KWIK_INVALID_STATE', 'await the writes before skip');
    this.#assertNotEnding();
    if (typeof bytes !== 'bigint' || bytes < 0n || BigInt(send.writeOffset) + bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `cannot skip ${bytes} bytes: skip takes a bigint, 0n or more`);
    }
    return BigInt(send.skip(Number(bytes)));
  }

  async close(): Promise<void> {
    const send = this.#state.send;
    if (send === undefined) return;
    this.#ending = true;
    while (this.hasMoreToSend) await this.#waiters.wait();
    if (this.#contentFailure !== undefined) {
      // To its reader a stream that ends looks whole, and this one lacks what the source did not give.
      this.reset();
      throw this.#contentFailure;
    }
    send.finish();
    this.#host.markReady(this.#state);
    await this.#delivered(send);
  }

  /** Resolves when the peer's session has acknowledged everything, and rejects when it never will. */
  async #delivered(send: SendHalf): Promise<void> {
    for (;;) {
      if (send.state === 'closed' || (send.state === 'reset' && !send.dropped)) return;
      if (send.state === 'reset')
        throw send.stopCode === undefined ? this.#resetHere() : this.#stoppedByPeer(send.stopCode);
      this.#host.assertOpen();
      await this.#waiters.wait();
    }
  }

  async peerStopped(options?: { signal?: AbortSignal }): Promise<number | undefined> {
    const signal = signalOf(options);
    const send = this.#state.send;
    while (send !== undefined && send.stopCode === undefined) {
      const over = send.state === 'closed' || send.state === 'reset' || this.#host.over;
      if (over) return undefined;
      await this.#waiters.wait(signal);
    }
    return send?.stopCode;
  }

  /** Resolves when there is nothing more to read, whoever read it; rejects when reading has failed. */
  async readingEnded(): Promise<void> {
    const receive = this.#state.receive;
    while (receive?.state === 'open') {
      if (this.#failure !== undefined && !receive.readable) throw this.#failure;
      if (!receive.readable) this.#host.assertOpen();
      await this.#waiters.wait();
    }
    if (receive?.state === 'reset') throw this.#resetByPeer(receive);
  }

  /** Resolves when the writing side is over: with the reason, unless it ended as it should or was reset here. */
  async writingFailed(): Promise<KwikError | undefined> {
    const send = this.#state.send;
    for (;;) {
      if (send === undefined || send.state === 'closed') return undefined;
      if (send.state === 'reset') {
        return send.stopCode === undefined ? this.#resetHere() : this.#stoppedByPeer(send.stopCode);
      }
      try {
        this.#host.assertOpen();
      } catch (error) {
        return KwikError.from(error);
      }
      await this.#waiters.wait();
    }
  }

  /** Resolves when everything written was acknowledged; rejects when the peer stopped before. */
  async flushed(): Promise<void> {
    const send = this.#sendHalf();
    while (!send.flushed) {
      this.#host.assertOpen();
      await this.#waiters.wait();
    }
    if (send.dropped) throw send.stopCode === undefined ? this.#resetHere() : this.#stoppedByPeer(send.stopCode);
  }

  reset(code = 0): void {
    checkCode(code);
    this.#host.resetStream(this.#state, code);
    this.wake();
  }

  stopSending(code = 0): void {
    checkCode(code);
    this.#host.stopSending(this.#state, code);
    this.wake();
  }

  setPriority(priority: number): void {
    checkPriority(priority);
    this.#host.setPriority(this.#state, priority);
  }

  setIntent(intent: StreamIntent): void {
    const checked = checkIntent(intent);
    this.#state.ownIntent = true;
    this.#host.setIntent(this.#state, checked);
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= readableOf(this);
    return this.#readable;
  }

  get writable(): WritableStream<BytesLike | string> {
    this.#writable ??= writableOf(this);
    return this.#writable;
  }

  toDuplex(): Duplex {
    return duplexOf(this);
  }

  async sendFrom(key: string, source: ReplicaSource, options: SendFromOptions = {}): Promise<void> {
    let end: boolean;
    try {
      end = checkSendFrom(options);
      await this.#send(key, source, end);
    } finally {
      // Whoever hands a source over is rid of it, also where it is refused.
      this.#host.closeSource(source);
    }
    if (end) await this.close();
  }

  async #send(key: string, source: ReplicaSource, end: boolean): Promise<void> {
    checkSource(key, source);
    this.#sendHalf();
    this.#assertNotEnding();
    this.#host.assertTakes();
    // It harms nothing of what is under way: neither that nor the stream has failed by this.
    if (this.#contents > 0 || this.#state.supply !== undefined) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', `stream ${this.id} already sends content; await it first`);
    }
    this.#ending = end;
    this.#contents++;
    try {
      while (this.#hasWaitingWrites) await this.#waiters.wait();
      await this.#host.sendContent(this, key, source, end);
    } catch (error) {
      const failure = KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED');
      this.#contentFailure ??= failure;
      throw failure;
    } finally {
      this.#contents--;
      this.wake();
    }
  }

  /** Something about the stream changed: whoever waits looks again. */
  wake(): void {
    this.#reads.pump();
    this.#writes?.pump();
    for (const listener of this.#wakeListeners) listener();
    this.#waiters.wake();
  }

  /** For writers of their own: `listener` looks at whatever `wake` tells of, before those who wait. */
  onWake(listener: () => void): void {
    this.#wakeListeners.add(listener);
  }

  offWake(listener: () => void): void {
    this.#wakeListeners.delete(listener);
  }

  /** What is still to come cannot be had: the reader is told, when it has read what came. */
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
    if (!this.#host.over && this.#state.send?.state !== 'reset') await this.close();
  }

  #assertNotEnding(): void {
    if (this.#ending) throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is closed for writing`);
  }

  #sendHalf(): SendHalf {
    if (this.#state.send === undefined) throw this.#notWritable();
    return this.#state.send;
  }

  #resetByPeer({ resetCode = 0 }: ReceiveHalf): KwikError {
    const what = `the peer reset stream ${this.id} (code ${resetCode})`;
    return new KwikError('ERR_KWIK_STREAM_RESET', what, { applicationCode: resetCode });
  }

  #stoppedByPeer(code: number): KwikError {
    const what = `the peer stopped reading stream ${this.id} (code ${code}) before it had it all`;
    return new KwikError('ERR_KWIK_STREAM_STOPPED', what, { applicationCode: code });
  }

  #resetHere(): KwikError {
    if (this.#failure !== undefined) return this.#failure;
    return new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} was reset here before the peer had it all`);
  }

  #notWritable(): KwikError {
    return new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not writable here`);
  }
}

function checkCode(code: number): void {
  if (!Number.isInteger(code) || code < 0 || code > 0xffff_ffff) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `code ${code} is not a whole number from 0 to 2^32-1`);
  }
}

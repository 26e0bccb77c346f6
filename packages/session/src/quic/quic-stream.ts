import type { Stream } from '../api/session.js';
import { KwikError } from '@kwik/wire';
import {
  ErrorQUICStreamLocalRead,
  ErrorQUICStreamLocalWrite,
  ErrorQUICStreamPeerRead,
  ErrorQUICStreamPeerWrite,
} from './errors.js';
import { Evented } from './evented.js';
import {
  EventQUICStreamCloseRead,
  EventQUICStreamCloseWrite,
  EventQUICStreamDestroy,
  EventQUICStreamDestroyed,
  EventQUICStreamError,
} from './events.js';
import type { QUICConnection } from './quic-connection.js';
import type { ConnectionMetadata, StreamCodes, StreamId } from './types.js';

/** One chunk for the reader and one look ahead, so that an end or a reset behind the chunk is noticed without a read. */
const READ_AHEAD_CHUNKS = 2;

/** Node has the signal of the standard; its types do not. */
type WriteController = WritableStreamDefaultController & { readonly signal: AbortSignal };

export interface QUICStreamParts {
  readonly connection: QUICConnection;
  readonly stream: Stream;
  readonly initiated: 'local' | 'peer';
  readonly codes: StreamCodes;
  /** What the first `read` of the stream gave, when that is done. */
  readonly first?: Promise<Uint8Array | null>;
}

/** A stream in the shape of @matrixai/quic's, over a logical stream of KWIK. */
export class QUICStream extends Evented {
  readonly type: 'bidi' | 'uni';
  readonly initiated: 'local' | 'peer';
  readonly streamId: StreamId;
  /** Chunks are Buffers, as they came. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when both sides have ended. */
  readonly closedP: Promise<void>;
  /** The KWIK stream: `sendFrom`, `skip`, `setPriority`. Read and write here or there, not both. */
  readonly logical: Stream;
  readonly #connection: QUICConnection;
  readonly #codes: StreamCodes;
  #readController!: ReadableStreamDefaultController<Uint8Array>;
  #writeController!: WriteController;
  #first: Promise<Uint8Array | null> | undefined;
  #readClosed: boolean;
  #writeClosed: boolean;
  #resolveClosed!: () => void;
  #destroyed: Promise<void> | undefined;

  /** What makes every stream, of this end and of the peer. */
  static createQUICStream(parts: QUICStreamParts): QUICStream {
    return new QUICStream(parts);
  }

  constructor({ connection, stream, initiated, codes, first }: QUICStreamParts) {
    super(connection);
    this.type = (stream.id & 2n) === 0n ? 'bidi' : 'uni';
    this.initiated = initiated;
    this.streamId = Number(stream.id);
    this.logical = stream;
    this.#connection = connection;
    this.#codes = codes;
    this.#first = first;
    this.#readClosed = this.type === 'uni' && initiated === 'local';
    this.#writeClosed = this.type === 'uni' && initiated === 'peer';
    this.closedP = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.readable = this.#makeReadable();
    this.writable = this.#makeWritable();
    if (this.#readClosed) this.#readController.close();
    if (this.#writeClosed) void this.writable.close().catch(() => undefined);
    else void this.#watchStop();
  }

  get readClosed(): boolean {
    return this.#readClosed;
  }

  get writeClosed(): boolean {
    return this.#writeClosed;
  }

  get closed(): boolean {
    return this.#readClosed && this.#writeClosed;
  }

  get meta(): ConnectionMetadata {
    return this.#connection.meta();
  }

  /** Cancels the reading side and aborts the writing side, where they are open; in the background. */
  cancel(reason?: unknown): void {
    this.#cancelRead(reason);
    this.#abortWrite(reason);
  }

  /** Cancels (unless `force` is false) and resolves when both sides have ended. */
  destroy({ force = true, reason }: { force?: boolean; reason?: unknown } = {}): Promise<void> {
    if (force) this.cancel(reason);
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    this.dispatchEvent(new EventQUICStreamDestroy());
    await this.closedP;
    this.dispatchEvent(new EventQUICStreamDestroyed());
  }

  #makeReadable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#readController = controller),
        pull: () => this.#pull(),
        cancel: (reason) => this.#cancelRead(reason),
      },
      { highWaterMark: READ_AHEAD_CHUNKS },
    );
  }

  #makeWritable(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#writeController = controller as WriteController;
          // A write that waits for room would hold up `abort`; so the abort is seen here, and ends the write.
          const { signal } = this.#writeController;
          // In a turn of its own: the stream is not to be touched from inside its `abort`.
          signal.addEventListener('abort', () => queueMicrotask(() => this.#abortWrite(signal.reason)), { once: true });
        },
        write: (chunk) => this.#write(chunk),
        close: () => this.#end(),
        abort: (reason) => this.#abortWrite(reason),
      },
      { highWaterMark: 1 },
    );
  }

  async #pull(): Promise<void> {
    if (this.#readClosed) return;
    try {
      const chunk = await (this.#first ?? this.logical.read());
      this.#first = undefined;
      if (this.readClosed) return;
      if (chunk !== null) {
        this.#readController.enqueue(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
        return;
      }
      this.#readController.close();
      this.#closeRead();
    } catch (error) {
      if (this.readClosed || !isKwik(error, 'ERR_KWIK_STREAM_RESET')) return this.#lost(error);
      const code = error.applicationCode ?? 0;
      const reason = this.#codes.codeToReason('read', code);
      this.#readController.error(reason);
      this.#closeRead(new ErrorQUICStreamPeerRead('Peer reset the readable stream', { data: { code }, cause: reason }));
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (chunk.byteLength === 0) return;
    const ended = new AbortController();
    const { signal } = this.#writeController;
    try {
      await Promise.race([this.logical.write(chunk), aborted(signal, ended.signal)]);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isKwik(error, 'ERR_KWIK_STREAM_STOPPED')) throw this.#stoppedByPeer(error.applicationCode ?? 0);
      await this.#lost(error);
    } finally {
      ended.abort();
    }
  }

  /** Resolves at once, as there; the connection knows that what was written may still be on its way. */
  #end(): void {
    if (this.#writeClosed) return;
    this.#connection.lingerFor(this.logical.close());
    this.#closeWrite();
  }

  #cancelRead(reason: unknown): void {
    if (this.#readClosed) return;
    const code = this.#codes.reasonToCode('read', reason);
    this.#connection.ifOpen(() => this.logical.stopSending(code));
    this.#readController.error(reason);
    this.#closeRead(new ErrorQUICStreamLocalRead('Closing readable stream locally', { data: { code }, cause: reason }));
  }

  #abortWrite(reason: unknown): void {
    if (this.#writeClosed) return;
    const code = this.#codes.reasonToCode('write', reason);
    this.#connection.ifOpen(() => this.logical.reset(code));
    this.#writeController.error(reason);
    this.#closeWrite(
      new ErrorQUICStreamLocalWrite('Closing writable stream locally', { data: { code }, cause: reason }),
    );
  }

  async #watchStop(): Promise<void> {
    const code = await this.logical.peerStopped().catch(() => undefined);
    if (code !== undefined) this.#stoppedByPeer(code);
  }

  #stoppedByPeer(code: number): unknown {
    const reason = this.#codes.codeToReason('write', code);
    if (this.#writeClosed) return reason;
    // What QUIC asks of a sender that was stopped (RFC 9000, section 3.5).
    this.#connection.ifOpen(() => this.logical.reset(code));
    this.#writeController.error(reason);
    this.#closeWrite(
      new ErrorQUICStreamPeerWrite('Peer stopped the writable stream', { data: { code }, cause: reason }),
    );
    return reason;
  }

  /** The session has ended, or ends now: the connection says why, and destroys its streams with that. */
  async #lost(error: unknown): Promise<void> {
    if (!this.closed) await this.#connection.closedP;
    if (!this.closed) this.cancel(error);
  }

  #closeRead(error?: ErrorQUICStreamLocalRead | ErrorQUICStreamPeerRead): void {
    this.#readClosed = true;
    if (error !== undefined) this.dispatchEvent(new EventQUICStreamError({ detail: error }));
    this.dispatchEvent(new EventQUICStreamCloseRead({ detail: error }));
    this.#settle();
  }

  #closeWrite(error?: ErrorQUICStreamLocalWrite | ErrorQUICStreamPeerWrite): void {
    this.#writeClosed = true;
    if (error !== undefined) this.dispatchEvent(new EventQUICStreamError({ detail: error }));
    this.dispatchEvent(new EventQUICStreamCloseWrite({ detail: error }));
    this.#settle();
  }

  #settle(): void {
    if (!this.closed) return;
    this.#resolveClosed();
    void this.destroy({ force: false });
  }
}

function isKwik(error: unknown, code: KwikError['code']): error is KwikError {
  return error instanceof KwikError && error.code === code;
}

/** Rejects when `signal` aborts; forgets it when `ended` does. */
function aborted(signal: AbortSignal, ended: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(KwikError.from(signal.reason, 'ERR_KWIK_ABORTED'));
    signal.addEventListener('abort', onAbort, { once: true, signal: ended });
  });
}

import { copyOfBytes, KwikError, type BytesLike } from '@kwik/wire';
import type { Contribution } from '../api/session.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { StreamHandle } from '../runtime/streams/stream-handle.js';
import { MAX_WAITING_WRITE_BYTES } from '../runtime/streams/write-queue.js';

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface WaitingWrite extends Write {
  resolve(): void;
  reject(error: KwikError): void;
}

/** A secondary's writing into a stream of the session, at offsets of its choice. */
export class StreamContribution implements Contribution {
  readonly #session: SessionContext;
  readonly #state: StreamState;
  readonly #handle: StreamHandle;
  /** Lowest offset first: what the reader needs first is taken first. */
  readonly #waiting: WaitingWrite[] = [];
  #waitingBytes = 0;
  #closed = false;

  constructor(session: SessionContext, state: StreamState) {
    this.#session = session;
    this.#state = state;
    this.#handle = session.streams.handle(state);
  }

  async writeAt(offset: bigint, data: BytesLike): Promise<void> {
    const bytes = copyOfBytes(data, 'what is to be written');
    if (this.#closed) throw new KwikError('ERR_KWIK_STREAM_CLOSED', 'the contribution is closed');
    if (typeof offset !== 'bigint' || offset < 0n || offset + BigInt(bytes.length) > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `offset ${offset} is not a bigint from 0 to 2^53-1`);
    }
    this.#session.assertTakes();
    const write = { at: Number(offset), bytes };
    if (this.#waiting.length > 0 || !this.#take(write)) await this.#wait(write);
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#waiting.length > 0) await this.#handle.wait();
    await this.#handle.flushed();
  }

  /** False when there is no room for it now. */
  #take({ at, bytes }: Write): boolean {
    this.#session.assertOpen();
    const send = this.#state.send!;
    send.assertWritable();
    if (!send.acceptsAt(at)) return false;
    send.writeAt(at, bytes);
    this.#session.streams.markReady(this.#state);
    return true;
  }

  #wait(write: Write): Promise<void> {
    if (this.#waiting.length > 0 && this.#waitingBytes + write.bytes.length > MAX_WAITING_WRITE_BYTES) {
      const most = `${MAX_WAITING_WRITE_BYTES / 1024 / 1024} MiB`;
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `writes of more than ${most} wait: await them`);
    }
    return new Promise((resolve, reject) => {
      let index = this.#waiting.length;
      while (index > 0 && this.#waiting[index - 1]!.at > write.at) index--;
      this.#waiting.splice(index, 0, { ...write, resolve, reject });
      this.#waitingBytes += write.bytes.length;
      this.#handle.onWake(this.#pump);
      this.#pump();
    });
  }

  readonly #pump = (): void => {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      try {
        if (!this.#take(first)) return;
        first.resolve();
      } catch (error) {
        first.reject(KwikError.from(error));
      }
      this.#waiting.shift();
      this.#waitingBytes -= first.bytes.length;
    }
    this.#handle.offWake(this.#pump);
  };
}

import { KwikError } from '@kwik/wire';
import type { SendHalf } from '../../core/streams/send-half.js';
import { aborted } from '../waiting/waiters.js';

/** Bytes that may wait in writes which nobody awaited, per stream. Whoever awaits each write never comes near it. */
export const MAX_WAITING_WRITE_BYTES = 64 * 1024 * 1024;
/** What a waiting write costs besides its bytes: a promise, its closures and a place in the queue. */
const WRITE_COST_BYTES = 128;

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Taken whole or not at all, as far as the send buffer is large enough for it. */
  readonly whole?: boolean;
}

interface WaitingWrite {
  readonly bytes: Uint8Array;
  readonly whole: boolean;
  written: number;
  over: boolean;
  settle(error?: unknown): void;
}

/** What the queue needs of its stream. */
export interface WriteQueueOwner {
  readonly send: SendHalf;
  /** Throws when the session has ended. */
  assertOpen(): void;
  /** The send half got bytes. */
  onWritten(): void;
}

/** Writes in the order in which they were made, each taken by the bounded send buffer when there is room. */
export class WriteQueue {
  readonly #owner: WriteQueueOwner;
  #waiting: WaitingWrite[] = [];
  #head = 0;
  #waitingBytes = 0;

  constructor(owner: WriteQueueOwner) {
    this.#owner = owner;
  }

  /** No write waits. */
  get idle(): boolean {
    return this.#head === this.#waiting.length;
  }

  /** `bytes` belong to the queue. Resolves when the send buffer has them all. */
  write(bytes: Uint8Array, { signal, whole = false }: WriteOptions = {}): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    let written = 0;
    if (this.idle) {
      try {
        written = this.#take(bytes, 0, whole);
      } catch (error) {
        return Promise.reject(KwikError.from(error));
      }
      if (written === bytes.length) return Promise.resolve();
    } else if (this.#waitingBytes + costOf(bytes) > MAX_WAITING_WRITE_BYTES) {
      return Promise.reject(this.#tooMuch());
    }
    return this.#wait({ bytes, whole, written }, signal);
  }

  /** There may be room, or an end: looks at what waits. */
  pump(): void {
    for (;;) {
      const write = this.#waiting[this.#head];
      if (write === undefined) return;
      if (!write.over) {
        try {
          write.written += this.#take(write.bytes, write.written, write.whole);
        } catch (error) {
          write.settle(error);
          continue;
        }
        if (write.written < write.bytes.length) return;
        write.settle();
      }
      this.#dropHead();
    }
  }

  /** Bytes of the write that were taken now. */
  #take(bytes: Uint8Array, from: number, whole: boolean): number {
    const { send } = this.#owner;
    this.#owner.assertOpen();
    send.assertWritable();
    const room = roomFor(send, bytes, from, whole);
    if (room === 0 && bytes.length > 0) return 0;
    const piece = bytes.subarray(from, from + room);
    send.write(piece);
    this.#owner.onWritten();
    return piece.length;
  }

  #wait(begun: Pick<WaitingWrite, 'bytes' | 'whole' | 'written'>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const write: WaitingWrite = {
        ...begun,
        over: false,
        settle: (error) => {
          if (write.over) return;
          write.over = true;
          signal?.removeEventListener('abort', onAbort);
          if (error === undefined) resolve();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
          else reject(error);
        },
      };
      const onAbort = (): void => {
        write.settle(abortedWrite(signal, write));
        this.pump();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(write);
      this.#waitingBytes += costOf(write.bytes);
    });
  }

  #dropHead(): void {
    this.#waitingBytes -= costOf(this.#waiting[this.#head]!.bytes);
    this.#head++;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 64 && 2 * this.#head > this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #tooMuch(): KwikError {
    const count = this.#waiting.length - this.#head;
    const most = `${MAX_WAITING_WRITE_BYTES / 1024 / 1024} MiB`;
    return new KwikError(
      'ERR_KWIK_LIMIT_EXCEEDED',
      `${count} writes wait that were not awaited, and with this one they would hold more than ${most}: await them`,
    );
  }
}

/** What fits the buffer is taken whole once that is empty, however little the session may have ahead: else it never would be. */
function roomFor(send: SendHalf, bytes: Uint8Array, from: number, whole: boolean): number {
  const room = send.roomFor(bytes.length - from);
  if (!whole || bytes.length > send.bufferBytes || room === bytes.length) return room;
  return send.queuedBytes === 0 ? bytes.length : 0;
}

function costOf(bytes: Uint8Array): number {
  return bytes.length + WRITE_COST_BYTES;
}

function abortedWrite(signal: AbortSignal | undefined, { written, bytes }: WaitingWrite): KwikError {
  const before =
    written === 0 ? '' : `; ${written} of its ${bytes.length} bytes had been accepted before, and are sent`;
  return new KwikError('ERR_KWIK_ABORTED', `the write was aborted${before}`, { cause: signal?.reason });
}

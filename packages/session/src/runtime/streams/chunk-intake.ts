import { KwikError } from '@kwik/wire';
import { MAX_WAITING_WRITE_BYTES } from './write-queue.js';

/**
 * Takes a copy of each chunk at the moment it is written. The queue of a WritableStream keeps references until its sink
 * has time for them, and its writer may have reused the memory by then; `size` of the strategy is all that is called from
 * inside of `write`. Chunks reach the sink in the order in which their size was asked.
 */
export class ChunkIntake<T> implements QueuingStrategy<T> {
  readonly highWaterMark: number;
  readonly #copy: (chunk: T) => Uint8Array;
  readonly #sizeOf: (bytes: Uint8Array) => number;
  #taken: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(copy: (chunk: T) => Uint8Array, options: { highWaterMark: number; sizeOf(bytes: Uint8Array): number }) {
    this.#copy = copy;
    this.highWaterMark = options.highWaterMark;
    this.#sizeOf = (bytes) => options.sizeOf(bytes);
  }

  /** A function of its own: the stream calls it without an object. Its error ends the stream. */
  readonly size = (chunk: T): number => {
    const bytes = this.#copy(chunk);
    if (this.#taken.length > 0 && this.#waitingBytes + bytes.length > MAX_WAITING_WRITE_BYTES) {
      const most = `${MAX_WAITING_WRITE_BYTES / 1024 / 1024} MiB`;
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${most} wait to be written: await writer.ready`);
    }
    this.#taken.push(bytes);
    this.#waitingBytes += bytes.length;
    return this.#sizeOf(bytes);
  };

  /** The bytes of the chunk that the sink gets next. */
  next(): Uint8Array {
    const bytes = this.#taken.shift();
    if (bytes === undefined)
      throw new KwikError('ERR_KWIK_INTERNAL', 'a chunk reached the sink that was never written');
    this.#waitingBytes -= bytes.length;
    return bytes;
  }

  /** The stream has ended. */
  clear(): void {
    this.#taken = [];
    this.#waitingBytes = 0;
  }
}

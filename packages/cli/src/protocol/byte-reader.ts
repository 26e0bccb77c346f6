import { KwikError } from '@kwik/wire';
import type { Stream } from '@kwik/session';

/** Reads a stream in the portions that the protocol asks for, whatever pieces the network gives. */
export class ByteReader {
  readonly #stream: Pick<Stream, 'read'>;
  #rest: Uint8Array | undefined;

  constructor(stream: Pick<Stream, 'read'>) {
    this.#stream = stream;
  }

  /** At least one byte and at most `limit`; null at the end of the stream. */
  async readSome(limit: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const chunk = this.#rest ?? (await this.#next(signal));
    this.#rest = undefined;
    if (chunk === null || chunk.length <= limit) return chunk;
    this.#rest = chunk.subarray(limit);
    return chunk.subarray(0, limit);
  }

  /** Exactly `length` bytes; null if the stream ends before the first; an error if it ends among them. */
  async readExactly(length: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const chunk = await this.readSome(length - filled, signal);
      if (chunk === null) {
        if (filled === 0) return null;
        throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the stream ended in the middle of a message');
      }
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }

  async #next(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = await this.#stream.read(signal === undefined ? {} : { signal });
      if (chunk === null || chunk.length > 0) return chunk;
    }
  }
}

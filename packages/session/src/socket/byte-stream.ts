import { KwikError } from '@kwik/wire';
import type { Stream, StreamIntent } from '../api/session.js';
import { StreamHandle } from '../runtime/streams/stream-handle.js';

/** What a socket hands on at a time: as much as `node:net` reads at once. */
const MAX_READ_BYTES = 64 * 1024;

/** A stream as sockets use it: what has come is read at once, and what has come and was not read can be seen. */
export class ByteStream {
  readonly #stream: StreamHandle;

  /** Throws ERR_KWIK_INTERNAL for a stream that no session of this package made. */
  constructor(stream: Stream) {
    if (!(stream instanceof StreamHandle)) throw new KwikError('ERR_KWIK_INTERNAL', 'this is no stream of a session');
    this.#stream = stream;
  }

  /**
   * What is there, 64 kB or little more of it, in memory of its own; waits until there is something. Null at the end, again
   * and again. Rejects as `Stream.read` does.
   */
  async read(): Promise<Buffer | null> {
    const first = await this.#stream.read();
    if (first === null) return null;
    const chunks = [first];
    let bytes = first.length;
    while (bytes < MAX_READ_BYTES) {
      const more = this.#readNow();
      if (more === undefined) break;
      chunks.push(more);
      bytes += more.length;
    }
    return Buffer.concat(chunks, bytes);
  }

  /** Something has come that was not read. */
  get unread(): boolean {
    const { receive } = this.#stream.state;
    return receive?.state === 'open' && receive.bufferedBytes > 0;
  }

  /** `bytes` belong to the stream from now on. Resolves when the send buffer has them; rejects as `Stream.write` does. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#stream.writeOwned(bytes, { signal });
  }

  /** Throws as `Stream.setIntent` does. */
  setIntent(intent: StreamIntent): void {
    this.#stream.setIntent(intent);
  }

  /** Ends the writing side. Resolves when the peer's session has it all, and rejects when it never will. */
  close(): Promise<void> {
    return this.#stream.close();
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }

  stopSending(code: number): void {
    this.#stream.stopSending(code);
  }

  /** An end or an error is for the next `read`. */
  #readNow(): Uint8Array | undefined {
    try {
      return this.#stream.readNow() ?? undefined;
    } catch {
      return undefined;
    }
  }
}

import type { ByteStream, SessionAddresses } from '@kwik/session/socket';
import type { ProcessHold } from '../process/process-hold.js';
import { RESET_CODES } from '../errors.js';
import { resetStream } from './preamble.js';

/** Bytes of a write that are copied at a time. */
const PIECE_BYTES = 256 * 1024;
/** What was written before a socket went may still be under way for so long; nobody waits for it any longer. */
const LINGER_MS = 5000;

export interface CarrierParts {
  readonly stream: ByteStream;
  /** What the peer's application has sent already. */
  readonly first: Buffer;
  readonly addresses: SessionAddresses;
  readonly hold: ProcessHold;
  /** The stream is over: its session may do without. */
  readonly onReleased: () => void;
}

/** The stream below a socket that is connected. */
export class Carrier {
  readonly addresses: SessionAddresses;
  readonly #stream: ByteStream;
  readonly #hold: ProcessHold;
  readonly #onReleased: () => void;
  readonly #abort = new AbortController();
  #first: Buffer | undefined;
  #readEnd = false;
  #delivered: Promise<void> | undefined;
  #left = false;

  constructor({ stream, first, addresses, hold, onReleased }: CarrierParts) {
    this.#stream = stream;
    this.#first = first.length > 0 ? first : undefined;
    this.addresses = addresses;
    this.#hold = hold;
    this.#onReleased = onReleased;
  }

  /** The next bytes; null at the end. Rejects as `Stream.read` does. */
  async read(): Promise<Buffer | null> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    const chunk = await this.#stream.read();
    if (chunk === null) this.#readEnd = true;
    return chunk;
  }

  /** Resolves when all has been accepted; copies, piece by piece, what it was given. Rejects as `Stream.write` does. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const piece of piecesOf(chunks)) await this.#stream.write(piece, this.#abort.signal);
  }

  /** Ends the writing side behind what was accepted. */
  end(): void {
    this.#delivered ??= this.#stream.close().catch(() => undefined);
  }

  /**
   * The socket lets go. Like a kernel, the stream still delivers what was accepted, and then ends. But if something came
   * that was not read, or with `abrupt`, it is reset, and the peer's socket with it. `held`: the process waits for the
   * delivery.
   */
  leave({ abrupt, held }: { readonly abrupt: boolean; readonly held: boolean }): void {
    if (this.#left) return;
    this.#left = true;
    if (abrupt || this.#first !== undefined || this.#stream.unread) {
      resetStream(this.#stream, RESET_CODES.reset);
      this.#abort.abort();
      this.#onReleased();
      return;
    }
    this.#abort.abort();
    this.end();
    if (!this.#readEnd) this.#stream.stopSending(RESET_CODES.closed);
    this.#linger(held);
  }

  #linger(held: boolean): void {
    const release = held ? this.#hold.take() : (): void => undefined;
    const timer = setTimeout(release, LINGER_MS);
    timer.unref();
    void this.#delivered?.then(() => {
      clearTimeout(timer);
      release();
      this.#onReleased();
    });
  }
}

/** Copies of the bytes, small chunks joined and large ones cut. */
function* piecesOf(chunks: readonly Uint8Array[]): Generator<Uint8Array> {
  let joined: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + PIECE_BYTES - bytes);
      joined.push(part);
      bytes += part.length;
      from += part.length;
      if (bytes < PIECE_BYTES) continue;
      yield Buffer.concat(joined, bytes);
      joined = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(joined, bytes);
}

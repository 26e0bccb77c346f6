import type { ReplicaSource, SendFromOptions, Stream } from '@kwik/session';
import { copyOfBytes, KwikError, toPathId, toStreamId } from '@kwik/wire';

/** One direction of a pair: bytes in order, then an end or an error. */
class Pipe {
  readonly #chunks: Uint8Array[] = [];
  readonly #waiting = new Set<() => void>();
  #end: 'open' | 'ended' | KwikError = 'open';

  push(chunk: Uint8Array): void {
    if (this.#end !== 'open') throw new KwikError('ERR_KWIK_STREAM_CLOSED', 'written after the end');
    if (chunk.length > 0) this.#chunks.push(chunk.slice());
    this.#wake();
  }

  end(end: 'ended' | KwikError): void {
    if (this.#end === 'open') this.#end = end;
    this.#wake();
  }

  async take(signal?: AbortSignal): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#end === 'ended') return null;
      if (this.#end !== 'open') throw this.#end;
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** What `sendFrom` was asked for. */
export interface SentContent {
  readonly key: string;
  readonly size: bigint;
  /** Nothing comes behind it. */
  readonly end: boolean;
}

/** One end of a stream in memory. Content of `sendFrom` comes from the source alone. */
export class MemoryStream implements Stream {
  readonly id = toStreamId(0n);
  readonly pathId = toPathId(0);
  readonly sent: SentContent[] = [];
  stopped = false;
  readonly #out: Pipe;
  readonly #in: Pipe;
  readonly #pieceBytes: number;

  private constructor(out: Pipe, into: Pipe, pieceBytes: number) {
    this.#out = out;
    this.#in = into;
    this.#pieceBytes = pieceBytes;
  }

  /** Both ends. What is written arrives in pieces of at most `pieceBytes`. */
  static pair(pieceBytes = Infinity): [client: MemoryStream, server: MemoryStream] {
    const up = new Pipe();
    const down = new Pipe();
    return [new MemoryStream(up, down, pieceBytes), new MemoryStream(down, up, pieceBytes)];
  }

  read(options: { signal?: AbortSignal } = {}): Promise<Uint8Array | null> {
    return this.#in.take(options.signal);
  }

  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const step = Math.min(this.#pieceBytes, Math.max(1, bytes.length));
    for (let at = 0; at < bytes.length; at += step) this.#out.push(bytes.subarray(at, at + step));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#out.end('ended');
    return Promise.resolve();
  }

  reset(code = 0): void {
    this.fail(new KwikError('ERR_KWIK_STREAM_RESET', `reset with ${code}`));
  }

  /** The other end reads what was written, and then this error. */
  fail(error: KwikError): void {
    this.#out.end(error);
  }

  stopSending(): void {
    this.stopped = true;
  }

  skip(): never {
    throw new KwikError('ERR_KWIK_UNSUPPORTED');
  }

  peerStopped(): Promise<number | undefined> {
    return new Promise(() => undefined);
  }

  setIntent(): void {
    // Nor is there more than one way through memory.
  }

  setPriority(): void {
    // Everything is equally urgent in memory.
  }

  async sendFrom(key: string, source: ReplicaSource, { end = false }: SendFromOptions = {}): Promise<void> {
    this.sent.push({ key, size: source.size, end });
    const size = Number(source.size);
    const step = 100_000;
    for (let at = 0; at < size; at += step) {
      const length = Math.min(step, size - at);
      await this.write(copyOfBytes(await source.read(BigInt(at), length, new AbortController().signal), 'content'));
    }
    await source.close?.();
    if (end) await this.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk;
  }

  get readable(): never {
    throw new KwikError('ERR_KWIK_UNSUPPORTED');
  }

  get writable(): never {
    throw new KwikError('ERR_KWIK_UNSUPPORTED');
  }

  toDuplex(): never {
    throw new KwikError('ERR_KWIK_UNSUPPORTED');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

import { Duplex, type DuplexOptions } from 'node:stream';
import { KwikError } from '@kwik/wire';
import { bytesToWrite } from './bytes-to-write.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { ReadingSide, WritingSide } from './web-streams.js';

/** A stream with the sides that it has here. */
type TwoSides = Pick<ReadingSide, 'read' | 'stopSending'> &
  Pick<WritingSide, 'close' | 'reset'> & {
    readonly state: StreamState;
    /** Writes bytes that nobody changes any more. */
    writeOwned(bytes: Uint8Array): Promise<void>;
  };

type Written = (error?: Error | null) => void;

/** Node's view of the sides that the stream has here. */
export function duplexOf(stream: TwoSides): Duplex {
  return new StreamDuplex(stream);
}

class StreamDuplex extends Duplex {
  readonly #stream: TwoSides;

  constructor(stream: TwoSides) {
    super(sidesOf(stream));
    this.#stream = stream;
  }

  /** Node keeps references to what it cannot pass on yet; whoever wrote it may reuse the memory at once. */
  override write(chunk: unknown, encoding?: BufferEncoding | Written, done?: Written): boolean {
    const own = ownChunk(chunk);
    return typeof encoding === 'function' ? super.write(own, encoding) : super.write(own, encoding!, done);
  }

  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    if (typeof chunk === 'function') return super.end(chunk as () => void);
    const own = chunk === undefined || chunk === null ? chunk : ownChunk(chunk);
    return typeof encoding === 'function' ? super.end(own, encoding) : super.end(own, encoding!, done);
  }

  override _read(): void {
    this.#stream.read().then(
      (chunk) => this.push(chunk),
      (error: unknown) => this.destroy(KwikError.from(error)),
    );
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Written): void {
    this.#stream.writeOwned(chunk).then(() => done(), done);
  }

  override _final(done: Written): void {
    this.#stream.close().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: Written): void {
    const { receive, send } = this.#stream.state;
    if (receive !== undefined && !this.readableEnded) this.#stream.stopSending();
    if (send !== undefined && !this.writableFinished) this.#stream.reset();
    done(error);
  }
}

/** A side that is not there counts as ended, so that `close` comes when the other has ended. Node's types lack these two. */
function sidesOf({ state }: TwoSides): DuplexOptions & { readable: boolean; writable: boolean } {
  return { allowHalfOpen: true, readable: state.receive !== undefined, writable: state.send !== undefined };
}

/** Strings are encoded by Node, in the encoding that came with them. */
function ownChunk(chunk: unknown): unknown {
  return ArrayBuffer.isView(chunk) ? Buffer.from(bytesToWrite(chunk).buffer) : chunk;
}

import type { BytesLike, KwikError } from '@kwik/wire';
import { bytesToWrite } from './bytes-to-write.js';
import { ChunkIntake } from './chunk-intake.js';

/** The send buffer of the stream is behind it: this only says when a writer that waits for `ready` goes on. */
const WRITABLE_QUEUE_BYTES = 64 * 1024;

/** Node has the signal of the standard; its types do not. */
type WriteController = WritableStreamDefaultController & { readonly signal: AbortSignal };

/** The reading side of a stream. */
export interface ReadingSide {
  read(): Promise<Uint8Array | null>;
  /** Resolves when there is nothing more to read, whoever read it; rejects when reading has failed. */
  readingEnded(): Promise<void>;
  stopSending(code?: number): void;
}

/** The writing side of a stream. */
export interface WritingSide {
  /** Writes bytes that nobody changes any more. */
  writeOwned(bytes: Uint8Array, options: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Resolves when the writing side is over: with the reason, unless it ended as it should or was reset here. */
  writingFailed(): Promise<KwikError | undefined>;
  close(): Promise<void>;
  reset(code?: number): void;
}

/**
 * WHATWG view of the reading side. Pulls only when asked, so that flow control reaches the peer; yet an end, a reset and
 * the loss of the session are seen without a read (`reader.closed`).
 */
export function readableOf(stream: ReadingSide): ReadableStream<Uint8Array> {
  let over = false;
  const end = (controller: ReadableStreamDefaultController<Uint8Array>, error?: unknown): void => {
    if (over) return;
    over = true;
    if (error === undefined) controller.close();
    else controller.error(error);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        void stream.readingEnded().then(
          () => end(controller),
          (error: unknown) => end(controller, error),
        );
      },
      async pull(controller) {
        try {
          const chunk = await stream.read();
          if (chunk === null) end(controller);
          else if (!over) controller.enqueue(chunk);
        } catch (error) {
          end(controller, error);
        }
      },
      cancel() {
        over = true;
        stream.stopSending();
      },
    },
    { highWaterMark: 0 },
  );
}

/** WHATWG view of the writing side; a stop by the peer and the loss of the session are seen without a write. */
export function writableOf(stream: WritingSide): WritableStream<BytesLike | string> {
  const intake = new ChunkIntake<BytesLike | string>(
    (chunk) => {
      try {
        return bytesToWrite(chunk);
      } catch (error) {
        // It ends the WritableStream without a word to its sink.
        stream.reset();
        throw error;
      }
    },
    { highWaterMark: WRITABLE_QUEUE_BYTES, sizeOf: (bytes) => bytes.length },
  );
  let signal: AbortSignal | undefined;
  return new WritableStream<BytesLike | string>(
    {
      start(controller) {
        ({ signal } = controller as WriteController);
        void stream.writingFailed().then((error) => {
          intake.clear();
          if (error !== undefined) controller.error(error);
        });
      },
      write: () => stream.writeOwned(intake.next(), { signal }),
      close: () => stream.close(),
      abort: () => {
        intake.clear();
        stream.reset();
      },
    },
    intake,
  );
}

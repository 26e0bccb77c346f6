import type { Stream } from '@kwik/session';
import type { ByteReader } from '../protocol/byte-reader.js';

/** Application code of a reset: the connection behind the stream has failed, or was reset. */
const RESET_FAILED = 1;
/** What is taken from a stream at a time. */
const MAX_CHUNK_BYTES = 256 * 1024;

/** What a stream is joined to: a TCP connection, or standard input and output. */
export interface ByteEnd {
  /** What comes from it, until its end; rejects when it fails. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** It is gone, in whichever way. */
  readonly gone: AbortSignal;
  /** Resolves when more may be written; rejects when it is gone. */
  write(data: Uint8Array): Promise<void>;
  /** Nothing more follows. The other direction goes on. */
  end(): void;
  /** Both directions at once, as a reset. */
  abort(): void;
}

/**
 * Carries bytes both ways until both directions have ended, each by itself. What fails at one end is a reset at the other.
 * No more is read than the other end takes. Never rejects; resolves with what failed, if something did.
 */
export async function splice(end: ByteEnd, stream: Stream, reader: ByteReader): Promise<Error | undefined> {
  try {
    await Promise.all([fromEnd(end, stream), fromStream(end, reader)]);
    return undefined;
  } catch (error) {
    end.abort();
    stream.reset(RESET_FAILED);
    stream.stopSending(RESET_FAILED);
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function fromEnd({ chunks, gone }: ByteEnd, stream: Stream): Promise<void> {
  for await (const chunk of chunks) await stream.write(chunk, { signal: gone });
  await stream.close();
}

async function fromStream(end: ByteEnd, reader: ByteReader): Promise<void> {
  for (;;) {
    const chunk = await reader.readSome(MAX_CHUNK_BYTES, end.gone);
    if (chunk === null) break;
    await end.write(chunk);
  }
  end.end();
}

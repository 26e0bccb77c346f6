import type { FileHandle } from 'node:fs/promises';
import type { ReplicaSource } from '@kwik/session';
import { KwikError } from '@kwik/wire';

/** Fills `length` bytes from `position`; an error if the file is shorter than that by now. */
export async function readFully(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Not from the shared pool: whoever gets the bytes may keep them.
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new KwikError('ERR_KWIK_SOURCE_FAILED', 'the file became shorter while it was read');
    filled += bytesRead;
  }
  return bytes;
}

/** A file from `offset` to `size` as content of a multi-source stream. Closes the handle if `owned`. */
export class FileSource implements ReplicaSource {
  readonly size: bigint;
  readonly #handle: FileHandle;
  readonly #offset: number;
  readonly #owned: boolean;
  #closing: Promise<void> | undefined;

  constructor(handle: FileHandle, size: number, options: { readonly offset: number; readonly owned: boolean }) {
    this.#handle = handle;
    this.#offset = options.offset;
    this.#owned = options.owned;
    this.size = BigInt(size - options.offset);
  }

  async read(offset: bigint, length: number, signal: AbortSignal): Promise<Uint8Array> {
    if (signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', 'the content is no longer wanted');
    if (offset < 0n || length < 0 || offset + BigInt(length) > this.size) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `range ${offset}+${length} of content of ${this.size} bytes`);
    }
    return readFully(this.#handle, this.#offset + Number(offset), length);
  }

  async close(): Promise<void> {
    if (this.#owned) await (this.#closing ??= this.#handle.close());
  }
}

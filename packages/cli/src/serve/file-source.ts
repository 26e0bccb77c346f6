import type { FileHandle } from 'node:fs/promises';
import type { ReplicaSource } from '@kwik/session';
import { KwikError } from '@kwik/wire';

/** The next `length` bytes from `position`, in memory of their own; an error if the file is shorter than that by now. */
export async function readFully(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Not from the shared pool, because whoever gets the bytes may keep them; not zeroed, because all are overwritten.
  const bytes = Buffer.allocUnsafeSlow(length);
  await readInto(handle, position, bytes);
  return bytes;
}

/** Fills `bytes` from `position`; an error if the file is shorter than that by now. */
export async function readInto(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) throw new KwikError('ERR_KWIK_SOURCE_FAILED', 'the file became shorter while it was read');
    filled += bytesRead;
  }
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

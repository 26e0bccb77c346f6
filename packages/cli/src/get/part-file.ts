import { createHash, type Hash } from 'node:crypto';
import { link, lstat, mkdir, open, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';
import type { Header } from '../protocol/messages.js';
import { hashRange } from '../serve/hash-cache.js';
import { readNote, writeNote } from './part-note.js';
import type { Existing, Sink } from './sink.js';

export interface PartFileOptions {
  readonly force: boolean;
  /** Folders on the way to the target are made as needed. */
  readonly makeFolders: boolean;
}

/** Writes of a chunk each would cost a trip to the thread pool per packet. */
const BATCH_BYTES = 256 * 1024;
/** Smaller files are fetched anew: a note beside the part costs more than it saves. */
const RESUMABLE_BYTES = 1024 * 1024;
/** Smaller files are not forced to the disk one by one: with a thousand of them that would be most of the time. */
const SYNCED_BYTES = 64 * 1024;

/**
 * A download on its way to `target`: bytes go to `target.kwik-part`, which takes the target's name when it is whole and
 * verified. An interrupted part stays, with a note beside it, and is continued by the next attempt.
 */
export class PartFile implements Sink {
  readonly target: string;
  readonly #options: PartFileOptions;
  readonly #url: string;
  #handle: FileHandle | undefined;
  #position = 0;
  #size = 0;
  #begun = false;
  #kept = 0;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  /** `url` says what is downloaded, for the note. */
  constructor(target: string, url: string, options: PartFileOptions) {
    this.target = target;
    this.#url = url;
    this.#options = options;
  }

  get partPath(): string {
    return `${this.target}.kwik-part`;
  }

  get #notePath(): string {
    return `${this.partPath}.json`;
  }

  async open(signal: AbortSignal): Promise<Existing> {
    await this.#checkTarget();
    const hash = createHash('sha256');
    try {
      if (this.#options.makeFolders) await mkdir(dirname(this.target), { recursive: true });
      this.#handle = await open(this.partPath, 'r+');
      const stats = await this.#handle.stat();
      if (!stats.isFile())
        throw new KwikError('ERR_KWIK_LOCAL_FILE', `${this.partPath} is not a regular file; remove it`);
      return await this.#takeUp(this.#handle, { hash, length: stats.size, signal });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { offset: 0, hash };
      throw fileError('write', this.partPath, error);
    }
  }

  async begin({ offset, size, etag }: Header): Promise<void> {
    try {
      if (offset === 0 || this.#handle === undefined) this.#handle = await this.#startAfresh();
      this.#begun = true;
      this.#position = offset;
      this.#size = size;
      if (size >= RESUMABLE_BYTES) await writeNote(this.#notePath, { url: this.#url, size, etag });
    } catch (error) {
      throw fileError('write', this.partPath, error);
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.#flush();
  }

  async commit(): Promise<void> {
    const handle = this.#opened();
    try {
      await this.#flush();
      if (this.#size >= SYNCED_BYTES) await handle.datasync();
      await this.#checkPart(handle);
      await this.#close();
      await this.#takeName();
      await rm(this.#notePath, { force: true });
    } catch (error) {
      throw fileError('write', this.target, error);
    }
  }

  get keptBytes(): number {
    return this.#kept;
  }

  async suspend(): Promise<void> {
    await this.#flush().catch(() => undefined);
    await this.#close().catch(() => undefined);
    // Without a header a part from an earlier run stays as it is.
    if (this.#size >= RESUMABLE_BYTES) this.#kept = this.#position;
    else if (this.#begun) await this.#removeAll();
  }

  async discard(): Promise<void> {
    this.#batch = [];
    await this.#close().catch(() => undefined);
    await this.#removeAll();
  }

  /** Takes the digest of what is there; the bytes are only as good as the server's check of that digest. */
  async #takeUp(handle: FileHandle, part: { hash: Hash; length: number; signal: AbortSignal }): Promise<Existing> {
    const { hash, length, signal } = part;
    await hashRange(hash, handle, length, signal);
    const note = await readNote(this.#notePath);
    const etag = note?.url === this.#url && length <= note.size ? note.etag : undefined;
    return { offset: length, hash, ...(etag === undefined ? {} : { etag }) };
  }

  async #checkTarget(): Promise<void> {
    const there = await lstat(this.target).catch(() => undefined);
    if (there === undefined) return;
    if (there.isDirectory()) {
      throw new KwikError(
        'ERR_KWIK_LOCAL_FILE',
        `${this.target} is a folder; use -d ${this.target} to download into it`,
      );
    }
    if (!this.#options.force) throw existsError(this.target);
  }

  /** A new file, not a truncated one: whoever still writes to the old one does not disturb this download. */
  async #startAfresh(): Promise<FileHandle> {
    await this.#close();
    await rm(this.partPath, { force: true });
    return open(this.partPath, 'wx');
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    const length = this.#batchBytes;
    if (length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    try {
      const { bytesWritten } = await this.#opened().writev(batch, this.#position);
      // A short write is what a full disk looks like before it says so.
      if (bytesWritten !== length)
        throw new KwikError('ERR_KWIK_LOCAL_FILE', `cannot write ${this.partPath}: the disk took only a part`);
    } catch (error) {
      throw fileError('write', this.partPath, error);
    }
    this.#position += length;
  }

  /** Another download to the same target may have replaced the part; its name must not be given to that one's bytes. */
  async #checkPart(handle: FileHandle): Promise<void> {
    const ours = await handle.stat();
    const there = await stat(this.partPath).catch(() => undefined);
    if (there?.ino !== ours.ino || there.dev !== ours.dev) {
      throw new KwikError(
        'ERR_KWIK_LOCAL_FILE',
        `another download writes to ${this.partPath}; let it finish, or choose another name`,
      );
    }
    if (ours.size !== this.#size) {
      throw new KwikError(
        'ERR_KWIK_LOCAL_FILE',
        `${this.partPath} has ${ours.size} bytes instead of ${this.#size}; remove it and try again`,
      );
    }
  }

  /** Without --force by a hard link, because `rename` would overwrite a target that appeared meanwhile. */
  async #takeName(): Promise<void> {
    if (this.#options.force) return rename(this.partPath, this.target);
    try {
      await link(this.partPath, this.target);
      await unlink(this.partPath);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw existsError(this.target);
      // A file system without hard links.
      await this.#checkTarget();
      await rename(this.partPath, this.target);
    }
  }

  async #removeAll(): Promise<void> {
    await rm(this.partPath, { force: true }).catch(() => undefined);
    await rm(this.#notePath, { force: true }).catch(() => undefined);
  }

  #opened(): FileHandle {
    if (this.#handle === undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the part file is not open');
    return this.#handle;
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

function existsError(target: string): KwikError {
  return new KwikError(
    'ERR_KWIK_LOCAL_FILE',
    `${target} exists already; use --force to overwrite it, or choose another name`,
  );
}

import { createHash, type Hash } from 'node:crypto';
import { link, lstat, mkdir, open, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';
import type { Header } from '../protocol/messages.js';
import { hashRange, type Watch } from '../serve/hash-cache.js';
import { partPathOf } from './part-name.js';
import { readNote, writeNote, type PartNote } from './part-note.js';
import type { Existing, Sink } from './sink.js';

export interface PartFileOptions {
  readonly force: boolean;
  /** Folders on the way to the target are made as needed. */
  readonly makeFolders: boolean;
  /** Permissions of the file that is overwritten; those of a new file unless given. */
  readonly mode?: number;
}

/** Writes of a chunk each would cost a trip to the thread pool per packet. */
const BATCH_BYTES = 256 * 1024;
/** Smaller files are fetched anew: a note beside the part costs more than it saves. */
const RESUMABLE_BYTES = 1024 * 1024;
/** Smaller files are not forced to the disk one by one: with a thousand of them that would be most of the time. */
const SYNCED_BYTES = 64 * 1024;

/** Names that are tried for a part when files of somebody else's have the first ones. */
const MAX_PART_NAMES = 16;

/**
 * A download on its way to `target`: bytes go to `target.kwik-part`, which takes the target's name when it is whole and
 * verified. An interrupted part stays, with a note beside it, and is continued by the next attempt. A file of that name
 * without such a note is somebody else's, and is left alone. What is overwritten keeps its mode.
 */
export class PartFile implements Sink {
  readonly target: string;
  readonly #options: PartFileOptions;
  readonly #url: string;
  #partPath: string;
  /** Whether the part is a download of ours: made by this one, or with the note of an earlier one. */
  #ours = false;
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
    this.#partPath = partPathOf(target);
  }

  get partPath(): string {
    return this.#partPath;
  }

  get #notePath(): string {
    return `${this.partPath}.json`;
  }

  async open(signal: AbortSignal, onProgress?: (checked: number, of: number) => void): Promise<Existing> {
    await this.#checkTarget();
    const hash = createHash('sha256');
    try {
      if (this.#options.makeFolders) await makeFolder(dirname(this.target));
      const note = await this.#findPart();
      if (note === undefined) return { offset: 0, hash };
      this.#handle = await open(this.partPath, 'r+');
      this.#ours = true;
      const { size } = await this.#handle.stat();
      const watch = { signal, onProgress: (bytes: number) => onProgress?.(bytes, size) };
      return await this.#takeUp(this.#handle, { hash, length: size, watch, note });
    } catch (error) {
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
      if (this.#options.mode !== undefined) await handle.chmod(this.#options.mode);
      await this.#close();
      await this.#takeName();
      // The file has its name: a note that stays behind harms nobody.
      await rm(this.#notePath, { force: true }).catch(() => undefined);
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
  async #takeUp(
    handle: FileHandle,
    part: { hash: Hash; length: number; watch: Watch; note: PartNote },
  ): Promise<Existing> {
    const { hash, length, watch, note } = part;
    await hashRange(hash, handle, length, watch);
    const etag = note.url === this.#url && length <= note.size ? note.etag : undefined;
    return { offset: length, hash, ...(etag === undefined ? {} : { etag }) };
  }

  /** The note of the part to go on with; undefined when there is none, and `partPath` is a name that is free. */
  async #findPart(): Promise<PartNote | undefined> {
    for (let attempt = 0; attempt < MAX_PART_NAMES; attempt++) {
      this.#partPath = partPathOf(this.target, attempt);
      const there = await lstat(this.partPath).catch((error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (there === undefined) return undefined;
      const note = there.isFile() ? await readNote(this.#notePath) : undefined;
      if (note !== undefined) return note;
    }
    throw new KwikError(
      'ERR_KWIK_LOCAL_FILE',
      `${this.partPath} and others like it exist; remove what you do not need`,
    );
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
    if (this.#ours) await this.#removeAll();
    const handle = await open(this.partPath, 'wx');
    this.#ours = true;
    return handle;
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
    if (!this.#ours) return;
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

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' && errnoOf(error) !== 'ENOTDIR') throw error;
    const message = `${path} cannot be a folder: a file of that name, or of a part of it, is there`;
    throw new KwikError('ERR_KWIK_LOCAL_FILE', message, { cause: error });
  }
}

function existsError(target: string): KwikError {
  return new KwikError(
    'ERR_KWIK_LOCAL_FILE',
    `${target} exists already; use --force to overwrite it, or choose another name`,
  );
}

import { createHash, type Hash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';
import type { Header } from '../protocol/messages.js';
import { hashRange } from '../serve/hash-cache.js';
import { findPart, partPathOf } from './part-name.js';
import { writeNote, type PartNote } from './part-note.js';
import type { Existing, Sink } from './sink.js';

export interface PartFileOptions {
  readonly force: boolean;
  /** Folders on the way to the target are made as needed. */
  readonly makeFolders: boolean;
  /** Permissions of the file that is overwritten; those of a new file unless given. */
  readonly mode?: number;
  /** Whether another download of this run goes to a path, so that no part may lie there. */
  readonly taken?: (path: string) => boolean;
}

/** A part that this run has left, as it lay on the disk: as long as nobody touched it, it need not be read again. */
interface Left {
  readonly hash: Hash;
  readonly bytes: number;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
}

/** Writes of a chunk each would cost a trip to the thread pool per packet. */
const BATCH_BYTES = 256 * 1024;
/** Smaller files are fetched anew: a note beside the part costs more than it saves. */
const RESUMABLE_BYTES = 1024 * 1024;
/** Smaller files are not forced to the disk one by one: with a thousand of them that would be most of the time. */
const SYNCED_BYTES = 64 * 1024;
/** As `open` makes files for everybody; the umask takes its part. */
const NEW_FILE_MODE = 0o666;
/** Windows does not have it, and links only for administrators. */
const NO_FOLLOW = (constants as Readonly<Partial<Record<string, number>>>)['O_NOFOLLOW'] ?? 0;

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
  /** What a download feeds that goes on from what `open` told; of no use once it has begun anew. */
  #hash: Hash | undefined;
  #left: Left | undefined;
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
    this.#begun = false;
    try {
      if (this.#options.makeFolders) await makeFolder(dirname(this.target));
      const { path, note } = await findPart(this.target, this.#options.taken ?? (() => false));
      this.#partPath = path;
      this.#ours = note !== undefined;
      const handle = note === undefined ? undefined : await this.#openPart();
      if (handle === undefined || note === undefined) return { offset: 0, hash: (this.#hash = createHash('sha256')) };
      return await this.#takeUp(handle, note, { signal, ...(onProgress && { onProgress }) });
    } catch (error) {
      throw fileError('write', this.partPath, error);
    }
  }

  async begin({ offset, size, etag }: Header): Promise<void> {
    try {
      const afresh = offset === 0 || this.#handle === undefined;
      if (afresh && this.#handle !== undefined) this.#hash = undefined;
      if (afresh && this.#ours) await this.#removeAll();
      // The note first: a part without one is taken for somebody else's.
      if (size >= RESUMABLE_BYTES) await writeNote(this.#notePath, { url: this.#url, size, etag });
      if (afresh) this.#handle = await this.#startAfresh();
      this.#begun = true;
      this.#left = undefined;
      this.#position = offset;
      this.#size = size;
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
      if (this.#options.mode !== undefined) await this.#keepOwnerAndMode(handle, this.#options.mode);
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
    const flushed = await this.#flush().then(
      () => true,
      () => false,
    );
    const stats = flushed ? await this.#handle?.stat({ bigint: true }).catch(() => undefined) : undefined;
    await this.#close().catch(() => undefined);
    // Without a header a part from an earlier run stays as it is.
    if (!this.#begun) return;
    if (this.#size < RESUMABLE_BYTES) return this.#removeAll();
    this.#kept = this.#position;
    this.#left = stats && this.#hash && leftBy(this.#hash, stats);
  }

  async discard(): Promise<void> {
    this.#batch = [];
    this.#batchBytes = 0;
    this.#left = undefined;
    this.#kept = 0;
    await this.#close().catch(() => undefined);
    await this.#removeAll();
  }

  /** Takes the digest of what is there; the bytes are only as good as the server's check of that digest. */
  async #takeUp(
    handle: FileHandle,
    note: PartNote,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (checked: number, of: number) => void },
  ): Promise<Existing> {
    const stats = await handle.stat({ bigint: true });
    const length = Number(stats.size);
    let hash = this.#left !== undefined && isUntouched(this.#left, stats) ? this.#left.hash : undefined;
    if (hash === undefined) {
      hash = createHash('sha256');
      await hashRange(hash, handle, length, { signal, onProgress: (bytes) => onProgress?.(bytes, length) });
    }
    this.#hash = hash;
    this.#left = leftBy(hash, stats);
    const etag = note.url === this.#url && length <= note.size ? note.etag : undefined;
    return { offset: length, hash, ...(etag === undefined ? {} : { etag }) };
  }

  /** Undefined if there is only a note: the run before ended between the two. */
  async #openPart(): Promise<FileHandle | undefined> {
    try {
      this.#handle = await open(this.partPath, constants.O_RDWR | NO_FOLLOW);
      return this.#handle;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
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
    // Never more open than the file that it replaces, also while it grows.
    const handle = await open(this.partPath, 'wx', (this.#options.mode ?? NEW_FILE_MODE) & NEW_FILE_MODE);
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

  async #keepOwnerAndMode(handle: FileHandle, mode: number): Promise<void> {
    const [ours, theirs] = [await handle.stat(), await lstat(this.target).catch(() => undefined)];
    // Only root can give files away; what others overwrite becomes theirs, as with other tools.
    if (theirs !== undefined && (theirs.uid !== ours.uid || theirs.gid !== ours.gid))
      await handle.chown(theirs.uid, theirs.gid).catch(() => undefined);
    await handle.chmod(mode);
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

function leftBy(hash: Hash, { size, ino, mtimeNs }: BigIntStats): Left {
  return { hash, bytes: Number(size), ino, mtimeNs };
}

function isUntouched(left: Left, { size, ino, mtimeNs }: BigIntStats): boolean {
  return left.bytes === Number(size) && left.ino === ino && left.mtimeNs === mtimeNs;
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

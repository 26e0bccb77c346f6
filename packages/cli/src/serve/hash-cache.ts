import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { readInto } from './file-source.js';
import type { ServedFile, ServedFolder } from './served-folder.js';
import { Slots } from './slots.js';

/** Digests that are remembered; about 200 bytes each. */
const MAX_ENTRIES = 1024;
/** Read and hashed between two turns of the event loop: well under a millisecond of hashing. */
const PIECE_BYTES = 256 * 1024;
/** Digests computed at a time: a processor and a disk gain nothing from more. */
const MAX_RUNNING = 4;
/** Different digests that may wait for their turn; each costs a kilobyte or two. */
const MAX_WAITING = 256;
/**
 * A file that changed so short a time before it was hashed may have changed again without a new time: file systems count
 * in steps of up to 2 s (FAT). Its digest is not remembered.
 */
const RACY_MS = 2500;

/** What the cache needs to know of a file. */
export type HashedFile = Pick<ServedFile, 'path' | 'etag' | 'size'>;

export interface HashCacheOptions {
  /** Digests remembered at most. */
  readonly entries?: number;
  /** Milliseconds since 1970; compared with the times of files. */
  readonly now?: () => number;
}

interface Running {
  readonly digest: Promise<string>;
  readonly stop: AbortController;
  waiters: number;
  /** Bytes that have been read. */
  done: number;
}

/**
 * SHA-256 of files and of their beginnings, each computed once for a version of the file (which its etag stands for), a
 * few at a time, and only as long as somebody waits for it.
 */
export class HashCache {
  readonly #folder: Pick<ServedFolder, 'openFile'>;
  readonly #entries: number;
  readonly #now: () => number;
  readonly #slots = new Slots('digests', { limit: MAX_RUNNING, maxWaiting: MAX_WAITING });
  /** Oldest first. */
  readonly #known = new Map<string, string>();
  readonly #running = new Map<string, Running>();

  constructor(
    folder: Pick<ServedFolder, 'openFile'>,
    { entries = MAX_ENTRIES, now = Date.now }: HashCacheOptions = {},
  ) {
    this.#folder = folder;
    this.#entries = entries;
    this.#now = now;
  }

  /**
   * Of the first `length` bytes, the whole file unless given. Reads the file beside whoever else does; `signal` ends
   * this caller's interest. Rejects with ERR_KWIK_SOURCE_FAILED when the file is another by now, with
   * ERR_KWIK_LIMIT_EXCEEDED when too many different digests are wanted at once.
   */
  async sha256(file: HashedFile, signal: AbortSignal, length = file.size): Promise<string> {
    const key = keyOf(file, length);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const running = this.#running.get(key) ?? this.#start(key, file, length);
    running.waiters += 1;
    try {
      return await abortable(running.digest, signal);
    } catch (error) {
      throw signal.aborted ? new KwikError('ERR_KWIK_ABORTED', 'the digest is no longer wanted') : error;
    } finally {
      running.waiters -= 1;
      if (running.waiters === 0) this.#stop(key, running);
    }
  }

  /** How many of the first `length` bytes have been read for whoever waits. */
  progress(file: HashedFile, length: number): number {
    return this.#running.get(keyOf(file, length))?.done ?? 0;
  }

  /** Looks at the file again the next time: what was remembered of this version has turned out wrong. */
  forget(file: Pick<ServedFile, 'path' | 'etag'>): void {
    for (const key of this.#known.keys()) {
      if (key.startsWith(`${file.etag} `) && key.endsWith(` ${file.path}`)) this.#known.delete(key);
    }
  }

  #start(key: string, file: HashedFile, length: number): Running {
    const stop = new AbortController();
    const digest = this.#slots.run(stop.signal, () =>
      this.#compute(key, file, length, { signal: stop.signal, onProgress: (done) => (running.done = done) }),
    );
    const running: Running = { digest, stop, waiters: 0, done: 0 };
    this.#running.set(key, running);
    const forget = (): void => this.#stop(key, running);
    // Whoever waits hears of a failure; when nobody does any more, nobody needs to.
    running.digest.then(forget, forget);
    return running;
  }

  /** Forgets it at once, so that nobody joins work that is about to end. */
  #stop(key: string, running: Running): void {
    running.stop.abort();
    if (this.#running.get(key) === running) this.#running.delete(key);
  }

  async #compute(key: string, file: HashedFile, length: number, watch: Watch): Promise<string> {
    // A handle of its own: the one that asked first may be done, and close its, before the others.
    const own = await this.#folder.openFile(file.path);
    try {
      if (own.etag !== file.etag) throw new KwikError('ERR_KWIK_SOURCE_FAILED', 'the file changed while it was sent');
      const begunMs = this.#now();
      const digest = await sha256OfPrefix(own.handle, length, watch);
      if (own.changedMs < begunMs - RACY_MS) this.#remember(key, digest);
      return digest;
    } finally {
      await own.handle.close();
    }
  }

  #remember(key: string, digest: string): void {
    this.#known.set(key, digest);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#entries) break;
      this.#known.delete(oldest);
    }
  }
}

function keyOf({ etag, path }: Pick<ServedFile, 'path' | 'etag'>, length: number): string {
  return `${etag} ${length} ${path}`;
}

/** Whoever waits for a digest. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

/** SHA-256 of the first `length` bytes. */
export async function sha256OfPrefix(handle: FileHandle, length: number, watch: Watch): Promise<string> {
  const hash = createHash('sha256');
  await hashRange(hash, handle, length, watch);
  return hash.digest('hex');
}

/** Feeds the first `length` bytes of a file to `hash`, in pieces small enough for others to work in between. */
export async function hashRange(hash: Hash, handle: FileHandle, length: number, watch: Watch): Promise<void> {
  const { signal, onProgress } = watch;
  const piece = new Uint8Array(Math.min(PIECE_BYTES, length));
  for (let offset = 0; offset < length; offset += PIECE_BYTES) {
    if (signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', 'the digest is no longer wanted');
    const filled = piece.subarray(0, length - offset);
    await readInto(handle, offset, filled);
    hash.update(filled);
    onProgress?.(offset + filled.length);
  }
}

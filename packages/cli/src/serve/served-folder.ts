import { createHash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';
import { parseServedPath } from './served-path.js';

/** A regular file inside the served folder, open for reading. Whoever gets it closes it. */
export interface ServedFile {
  /** As it was asked for. */
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  /**
   * Changes when the file does: a hash of its size, inode, and the times at which content and inode were last changed.
   * The second of these times cannot be set back, so that an old time of modification hides no change.
   */
  readonly etag: string;
  /** When content or inode were last changed, milliseconds since 1970, by the clock of the file system. */
  readonly changedMs: number;
}

/** Without following a link in the last part, and without waiting for the writer of a pipe. */
const OPEN_FLAGS = constants.O_RDONLY | flagOf('O_NOFOLLOW') | flagOf('O_NONBLOCK');

/** The folder that `kwik serve` shows, and the only way to its files. */
export class ServedFolder {
  /** Real path, without links. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async open(directory: string): Promise<ServedFolder> {
    try {
      const root = await realpath(directory);
      if (!(await stat(root)).isDirectory()) throw new KwikError('ERR_KWIK_LOCAL_FILE', `${directory} is not a folder`);
      return new ServedFolder(root);
    } catch (error) {
      throw fileError('serve', directory, error);
    }
  }

  /**
   * Opens the file at `path`, if it lies inside the folder, links resolved, and is a regular file.
   * Throws ERR_KWIK_SOURCE_NOT_FOUND or ERR_KWIK_PERMISSION_DENIED; the messages show nothing of the disk outside.
   */
  async openFile(path: string): Promise<ServedFile> {
    const asked = join(this.root, ...parseServedPath(path));
    const real = await this.#resolve(asked);
    // Before opening, because opening alone can have effects on a device.
    const there = await lstatOrRefuse(real);
    if (!there.isFile()) throw notAFile(there);
    const handle = await open(real, OPEN_FLAGS).catch((error: unknown) => {
      throw refusal(error);
    });
    try {
      const opened = await this.#checkOpened(handle, asked);
      return {
        path,
        handle,
        size: Number(opened.size),
        etag: etagOf(opened),
        changedMs: Number(max(opened.mtimeNs, opened.ctimeNs) / 1_000_000n),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The real path of something that lies inside the folder. */
  async resolveInside(path: string): Promise<string> {
    return path === '' ? this.root : this.#resolve(join(this.root, ...parseServedPath(path)));
  }

  /** Somebody may have put a link in place between the look and the opening: what counts is what was opened. */
  async #checkOpened(handle: FileHandle, asked: string): Promise<BigIntStats> {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw notAFile(opened);
    const real = (await pathOfDescriptor(handle.fd)) ?? (await this.#resolve(asked));
    if (!this.#holds(real)) throw outside();
    const there = await lstatOrRefuse(real);
    if (there.ino !== opened.ino || there.dev !== opened.dev)
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'the file was exchanged while it was opened');
    return opened;
  }

  async #resolve(asked: string): Promise<string> {
    const real = await realpath(asked).catch((error: unknown) => {
      throw refusal(error);
    });
    if (!this.#holds(real)) throw outside();
    return real;
  }

  #holds(real: string): boolean {
    return real === this.root || real.startsWith(this.root.endsWith(sep) ? this.root : this.root + sep);
  }
}

/** Windows knows neither of the two. */
function flagOf(name: string): number {
  return (constants as Readonly<Partial<Record<string, number>>>)[name] ?? 0;
}

export function etagOf(stats: BigIntStats): string {
  const { size, mtimeNs, ctimeNs, ino } = stats;
  return createHash('sha256').update(`${size}-${mtimeNs}-${ctimeNs}-${ino}`).digest('hex').slice(0, 32);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Where an open file really is, on systems that tell (Linux); undefined elsewhere. */
async function pathOfDescriptor(fd: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  return readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
}

async function lstatOrRefuse(path: string): Promise<BigIntStats> {
  return lstat(path, { bigint: true }).catch((error: unknown) => {
    throw refusal(error);
  });
}

function refusal(error: unknown): KwikError {
  if (error instanceof KwikError) return error;
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', 'no such file', { cause: error });
    case 'EMFILE':
    case 'ENFILE':
      return new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the server has too many files open', { cause: error });
    default:
      return new KwikError('ERR_KWIK_PERMISSION_DENIED', 'the server cannot read it', { cause: error });
  }
}

function outside(): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', 'it lies outside the served folder');
}

function notAFile(stats: BigIntStats): KwikError {
  const what = stats.isDirectory() ? 'it is a folder; get what is in it with -r' : 'it is not a regular file';
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', what);
}

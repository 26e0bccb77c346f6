import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { KwikError } from '@kwik/wire';

/** Whoever forgets it for months does not fill the disk: about 80,000 connections. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Connections in their handshakes whose secrets are waited for; those of more are left out. */
const MAX_PENDING = 1_024;
const COLLECT_MS = 250;
/** Handshakes that took longer have failed. */
const MAX_HANDSHAKE_MS = 30_000;
/** The last secret of a handshake that Wireshark needs, of each side. */
const LAST_SECRETS = ['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'] as const;
const OTHERS_MAY = 0o077;
/** Not on Windows, where files have other rights. */
const { O_APPEND, O_CREAT, O_WRONLY } = constants;
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as { O_NOFOLLOW?: number; O_NONBLOCK?: number };
/** No link; and a pipe that nobody reads is an error, and no wait for a reader. */
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

/** What one connection writes, and how much of it has been collected. */
interface Pending {
  readonly part: string;
  readonly sinceMs: number;
  taken: number;
}

/**
 * Where the TLS secrets of new connections are written, in the format of NSS (SSLKEYLOGFILE) that Wireshark reads: nowhere,
 * until somebody asks for it. Whoever has that file can read the connections. The binding empties a file that it is given, so
 * each connection gets one of its own, in a folder for the owner alone, and what is in it is added to the one that was asked
 * for.
 */
export class KeyLog {
  #open: OpenKeyLog | undefined;

  /** Whether secrets are wanted. */
  get wanted(): boolean {
    return this.#open !== undefined;
  }

  /**
   * From now on secrets are added to `file`, which is made when it is not there, for its owner alone, until the returned
   * function is called, or this again. Throws ERR_KWIK_LOCAL_FILE when it cannot be, when others
   * may read what is there, or when it is another user's.
   */
  begin(file: string): () => void {
    const open = new OpenKeyLog(file);
    this.#open?.close();
    this.#open = open;
    return () => {
      open.close();
      if (this.#open === open) this.#open = undefined;
    };
  }

  /**
   * Gives a file to one more connection, before its first packet, while they are wanted. What goes wrong costs no connection.
   */
  watch<T extends { setKeylog(path: string): void }>(connection: T): T {
    this.#open?.add((file) => connection.setKeylog(file));
    return connection;
  }
}

class OpenKeyLog {
  /** The file itself, whatever its name comes to stand for. */
  readonly #descriptor: number;
  readonly #folder: string;
  readonly #pending = new Set<Pending>();
  readonly #timer: NodeJS.Timeout;
  readonly #onExit = (): void => this.close();
  #number = 0;
  #closed = false;

  constructor(file: string) {
    this.#descriptor = openPrivate(file);
    try {
      this.#folder = attempt(file, () => mkdtempSync(`${file}.`));
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
    this.#timer = setInterval(() => this.#collect(), COLLECT_MS).unref();
    process.once('exit', this.#onExit);
  }

  add(write: (file: string) => void): void {
    if (this.#closed || this.#pending.size >= MAX_PENDING) return;
    const part = join(this.#folder, String(this.#number++));
    try {
      writeFileSync(part, '', { flag: 'wx', mode: 0o600 });
      write(part);
      this.#pending.add({ part, sinceMs: performance.now(), taken: 0 });
    } catch {
      remove(part);
    }
  }

  /** Collects what is there, and takes no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    process.off('exit', this.#onExit);
    this.#collect();
    closeSync(this.#descriptor);
    remove(this.#folder);
  }

  #collect(): void {
    const lateMs = performance.now() - MAX_HANDSHAKE_MS;
    for (const pending of this.#pending) {
      if (!this.#take(pending) && pending.sinceMs > lateMs) continue;
      this.#pending.delete(pending);
      remove(pending.part);
    }
  }

  /** Whether that was all. */
  #take(pending: Pending): boolean {
    try {
      const text = readFileSync(pending.part, 'latin1');
      const end = text.lastIndexOf('\n') + 1;
      if (end > pending.taken) {
        const { nlink, size } = fstatSync(this.#descriptor);
        const isWanted = nlink > 0 && size + end < MAX_BYTES;
        if (isWanted) appendFileSync(this.#descriptor, text.slice(pending.taken, end));
        pending.taken = end;
      }
      return LAST_SECRETS.every((label) => text.slice(0, end).includes(label));
    } catch {
      // Whoever took a file away wants no more of it, and a disk that is full has no room for more.
      return true;
    }
  }
}

/** Its descriptor. Throws ERR_KWIK_LOCAL_FILE. */
function openPrivate(file: string): number {
  const descriptor = attempt(file, () => openSync(file, FLAGS, 0o600));
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw refused(file, 'it is no ordinary file');
    if (process.platform === 'win32') return descriptor;
    if ((stats.mode & OTHERS_MAY) !== 0) {
      throw refused(file, 'others may read or write it; make it private with: chmod 600');
    }
    if (stats.uid !== process.geteuid?.()) throw refused(file, 'it belongs to another user');
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** What cannot be removed stays, for the owner alone. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Secrets are not worth a connection, and no process ends for them.
  }
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw refused(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refused(file: string, why: string, cause?: unknown): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', `no TLS keys can be written to ${file}: ${why}`, { cause });
}

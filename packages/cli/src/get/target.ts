import { lstat, open, realpath, type FileHandle } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';
import type { ByteOutput } from './stdout-sink.js';

/** What a name on the command line stands for. */
export type Target =
  /** Nothing yet, or a regular file (its real name, links resolved). */
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number }
  /** A device or a pipe: bytes go into it as they come. */
  | { readonly kind: 'stream'; readonly path: string };

/**
 * Looks at what is there. A link stays a link: what it leads to is written. Rejects with ERR_KWIK_LOCAL_FILE for what
 * cannot be written to: a folder, a socket, a link that leads nowhere.
 */
export async function lookAt(name: string): Promise<Target> {
  const there = await lstat(name).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError('write', name, error);
  });
  if (there === undefined) return { kind: 'file', path: name };
  if (there.isSymbolicLink()) return lookAt(await behindLink(name));
  if (there.isDirectory()) throw refused(`${name} is a folder; use -d ${name} to download into it`);
  if (there.isFile()) return { kind: 'file', path: name, mode: there.mode & 0o7777 };
  if (there.isCharacterDevice() || there.isFIFO()) return { kind: 'stream', path: name };
  throw refused(`${name} is ${there.isSocket() ? 'a socket' : 'a block device'}, not a file; choose another name`);
}

async function behindLink(name: string): Promise<string> {
  try {
    return await realpath(name);
  } catch {
    throw refused(`${name} is a link that leads nowhere; remove it, or choose another name`);
  }
}

/** Opened with the first write, for a pipe waits for its reader. */
export class StreamOutput implements ByteOutput {
  readonly #path: string;
  #handle: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async write(data: Uint8Array): Promise<void> {
    try {
      this.#handle ??= await open(this.#path, 'a');
      await this.#handle.appendFile(data);
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

function refused(message: string): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', message);
}

import { lstat, realpath, stat } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { errnoOf, fileError } from '../errors.js';

/** What a name on the command line stands for. */
export type Target =
  /** Nothing yet, or a regular file (its real name, links resolved). */
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number }
  /** A device or a pipe: bytes go into it as they come. */
  | { readonly kind: 'stream'; readonly path: string }
  /** What the program was given open, as by `3> file` or `>(command)`. */
  | { readonly kind: 'descriptor'; readonly path: string; readonly fd: number };

const DESCRIPTOR = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/u;
const STANDARD: ReadonlyMap<string, number> = new Map([
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
]);

/**
 * Looks at what is there. A link stays a link: what it leads to is written. Rejects with ERR_KWIK_LOCAL_FILE for what
 * cannot be written to: a folder, a socket, a link that leads nowhere.
 */
export async function lookAt(name: string): Promise<Target> {
  const fd = descriptorOf(name);
  if (fd !== undefined) return { kind: 'descriptor', path: name, fd };
  const there = await lstat(name).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError('write', name, error);
  });
  if (there === undefined) return { kind: 'file', path: name };
  if (there.isSymbolicLink()) return lookAt(await behindLink(name));
  if (there.isDirectory()) throw refused(`${name} is a folder; use -d ${name} to download into it`);
  // Set-user-id and the like are not passed on to content from elsewhere.
  if (there.isFile()) return { kind: 'file', path: name, mode: there.mode & 0o777 };
  if (there.isCharacterDevice() || there.isFIFO()) return { kind: 'stream', path: name };
  throw refused(`${name} is ${there.isSocket() ? 'a socket' : 'a block device'}, not a file; choose another name`);
}

/** The descriptor that a name stands for: what lies behind it may have no name of its own, or stand in mid-file. */
export function descriptorOf(name: string): number | undefined {
  if (process.platform === 'win32') return undefined;
  const number = DESCRIPTOR.exec(name)?.[1];
  return number === undefined ? STANDARD.get(name) : Number(number);
}

/** Refuses a folder to download into that cannot become one, before anything is fetched for it. */
export async function checkFolder(folder: string): Promise<void> {
  try {
    if ((await stat(folder)).isDirectory()) return;
  } catch (error) {
    // It will be made; why it cannot be, the making tells.
    if (errnoOf(error) !== 'ENOTDIR') return;
  }
  throw refused(`-d ${folder} cannot be a folder: a file is there already, or on the way; choose another`);
}

async function behindLink(name: string): Promise<string> {
  try {
    return await realpath(name);
  } catch {
    throw refused(`${name} is a link that leads nowhere; remove it, or choose another name`);
  }
}

function refused(message: string): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', message);
}

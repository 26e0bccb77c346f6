import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const ID_BYTES = 8;
/** What is older is written by nobody any more. */
const UNFINISHED_MS = 60_000;
const NEXT = /^[\da-f]{16}\.new$/u;

/**
 * Replaces the file by one with this content, or leaves it as it was. What is not whole yet has a name that no other process, and
 * nobody who put a link there, can know.
 */
export async function replaceFile(
  path: string,
  content: string,
  options: { readonly mode: number; readonly flush: boolean },
): Promise<void> {
  const next = `${path}.${randomBytes(ID_BYTES).toString('hex')}.new`;
  try {
    await writeFile(next, content, { ...options, flag: 'wx' });
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Makes a file that is there whole, or not at all: also when the disk is full, and, where the file system has links, when the process
 * ends in the middle of it; what that leaves goes with the next call. Rejects with Node's error; with EEXIST for a file that is
 * there, which stays as it is: of several processes the first one's holds.
 */
export async function createFile(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode: number },
): Promise<void> {
  await removeUnfinished(path);
  const next = `${path}.${randomBytes(ID_BYTES).toString('hex')}.new`;
  try {
    await writeFile(next, content, { ...options, flag: 'wx', flush: true });
    // `rename` would replace a file that is there. Not every file system has links.
    await link(next, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      return copyFile(next, path, constants.COPYFILE_EXCL);
    });
  } finally {
    await rm(next, { force: true }).catch(() => undefined);
  }
  await syncFolder(dirname(path));
}

/** Its new name survives a loss of power, where the system can promise that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Removes what `replaceFile` and `createFile` left half-written beside the file when its process ended in the middle of it. Never rejects. */
export async function removeUnfinished(path: string, wallClockMs = Date.now()): Promise<void> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  const unfinished = names.filter((name) => name.startsWith(prefix) && NEXT.test(name.slice(prefix.length)));
  for (const name of unfinished) {
    const file = join(dirname(path), name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: wallClockMs }));
    // Another process may be writing a younger one.
    if (wallClockMs - mtimeMs > UNFINISHED_MS) await rm(file, { force: true }).catch(() => undefined);
  }
}

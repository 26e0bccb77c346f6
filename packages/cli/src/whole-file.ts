import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const PRIVATE = 0o600;

/**
 * Makes a file that is there whole, for its owner alone, or not at all: also when the disk is full, or the process ends in the middle
 * of it. Rejects with Node's error; with EEXIST for a file that is there, which stays as it is.
 */
export async function createWholeFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.new`;
  try {
    await writeFile(draft, content, { mode: PRIVATE, flag: 'wx', flush: true });
    await name(draft, path);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
  await syncFolder(dirname(path));
}

/** Never over a file that is there; `rename` would. */
async function name(draft: string, path: string): Promise<void> {
  await link(draft, path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // Not every file system has links.
    return copyFile(draft, path, constants.COPYFILE_EXCL);
  });
}

/** Where that can be done. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

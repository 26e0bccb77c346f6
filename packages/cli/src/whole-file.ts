import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Puts the text into the place of what is at `path`: whole, or not at all. Rejects with Node's error. */
export async function writeWhole(
  path: string,
  text: string,
  options: { readonly mode?: number; readonly flush?: boolean } = {},
): Promise<void> {
  // A name that is nobody's, and short: that of the file may be as long as names can be.
  const temporary = join(dirname(path), `.kwik-${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(temporary, text, { ...options, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Replaces the file by one with this content, or leaves it as it was. What is not whole yet has a name that no other process, and
 * nobody who put a link there, can know.
 */
export async function replaceFile(
  path: string,
  content: string,
  options: { readonly mode: number; readonly flush: boolean },
): Promise<void> {
  const next = `${path}.${randomBytes(8).toString('hex')}.new`;
  try {
    await writeFile(next, content, { ...options, flag: 'wx' });
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

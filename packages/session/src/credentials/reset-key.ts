import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolder } from './data-folder.js';

const FILE = 'reset-key';
const KEY_BYTES = 32;

/**
 * The key of this user's servers for stateless resets (`ListenOptions.identity.resetKey`), made on first use in the user's data
 * folder. Undefined when there can be none, as on a read-only disk: clients of a server that crashed then notice its
 * silence instead.
 */
export async function persistentResetKey(): Promise<Uint8Array | undefined> {
  try {
    const file = join(dataFolder(), FILE);
    return (await load(file)) ?? (await create(file));
  } catch {
    return undefined;
  }
}

async function load(file: string): Promise<Uint8Array | undefined> {
  try {
    const key = await readFile(file);
    return key.length === KEY_BYTES ? new Uint8Array(key) : undefined;
  } catch {
    return undefined;
  }
}

/** Whole, then linked: nobody reads half of it, and of several processes the first one's holds. */
async function create(file: string): Promise<Uint8Array | undefined> {
  await mkdir(dataFolder(), { recursive: true, mode: 0o700 });
  const draft = `${file}-${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(draft, randomBytes(KEY_BYTES), { mode: 0o600 });
    // A file that is there and no key stays: its owner may know what it is.
    await link(draft, file).catch(() => undefined);
    return await load(file);
  } finally {
    await rm(draft, { force: true });
  }
}

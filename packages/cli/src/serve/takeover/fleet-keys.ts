import { constants, open, type FileHandle } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { fileError, usageError } from '../../errors.js';

const KEY_BYTES = 32;
/** The one that seals, and those of before. */
const MAX_KEYS = 4;
/** In hexadecimal, with a line end. */
const MAX_FILE_BYTES = 256;
const OTHERS_MAY = 0o077;

/**
 * The keys that the servers of a fleet share, one of each file: the first seals sessions, all of them open what is sealed. Rejects
 * with a usage error for too many, with ERR_KWIK_CREDENTIALS for a file that is none, holds no key or that others may read, and with
 * ERR_KWIK_LOCAL_FILE for one that cannot be read.
 */
export async function readFleetKeys(paths: readonly string[]): Promise<Uint8Array[]> {
  if (paths.length > MAX_KEYS)
    throw usageError(`--fleet-key was given ${paths.length} times; at most ${MAX_KEYS} count`);
  return Promise.all(paths.map(readKey));
}

async function readKey(path: string): Promise<Uint8Array> {
  const bytes = await readPrivate(path);
  const key = bytes.length === KEY_BYTES ? new Uint8Array(bytes) : fromHex(bytes.toString('latin1').trim());
  if (key !== undefined) return key;
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `--fleet-key ${path} is no fleet key: 32 bytes, or 64 hexadecimal digits; one is made by: kwik fleet key ${path}`,
  );
}

/** As `ssh` does it: what belongs to the user is readable for nobody else. Where it belongs to somebody else, that one decides. */
async function readPrivate(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    // A pipe that nobody writes to would be waited for.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) throw new KwikError('ERR_KWIK_CREDENTIALS', `--fleet-key ${path} is no file`);
    const { uid, mode } = found;
    if (process.platform !== 'win32' && uid === process.geteuid?.() && (mode & OTHERS_MAY) !== 0) {
      const advice = `others may read or write it; make it private with: chmod 600 ${path}`;
      throw new KwikError('ERR_KWIK_CREDENTIALS', `--fleet-key ${path} is not used: ${advice}`);
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_FILE_BYTES), 0, MAX_FILE_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileError('read the --fleet-key file', path, error);
  } finally {
    await file?.close();
  }
}

function fromHex(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{64}$/iu.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

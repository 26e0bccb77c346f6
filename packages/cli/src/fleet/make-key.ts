import { randomBytes } from 'node:crypto';
import { createFile } from '@kwik/trust';
import { fileError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { jsonLine } from '../ui/text.js';

const KEY_BYTES = 32;

/** `kwik fleet key FILE`: a new key that only its owner can read. A file that is there stays. */
export async function runMakeKey(path: string, { json }: { readonly json: boolean }, io: CliIo): Promise<ExitCode> {
  try {
    await createFile(path, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600 });
  } catch (error) {
    throw fileError('write the key', path, error);
  }
  if (json) io.stdout.print(`${jsonLine({ file: path })}\n`);
  else io.stdout.print(`${path}: a new fleet key; each server of the fleet needs a copy, and nobody else\n`);
  return EXIT.ok;
}

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { checkArgument, KwikError, optionRules } from '@kwik/wire';
import { createFile } from '../files/replace-file.js';

/**
 * The Ed25519 key (PEM) that signs a log; it is made on first use, readable for its owner alone. Rejects with
 * ERR_KWIK_CREDENTIALS for a file that holds something else, and ERR_KWIK_LOCAL_FILE for one that cannot be read or written.
 */
export async function auditKey(path: string): Promise<KeyObject> {
  checkArgument('auditKey', 'path', path, optionRules.filePath);
  const pem = await existing(path);
  if (pem === undefined) return create(path);
  const key = parse(pem);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new KwikError('ERR_KWIK_CREDENTIALS', `${path} holds no Ed25519 private key in PEM`);
}

async function existing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

async function create(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    // Of two programs that start at once, one makes the key and the other fails, rather than to sign with another.
    await createFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), { mode: 0o600 });
  } catch (error) {
    throw fileError('write', path, error);
  }
  return privateKey;
}

function parse(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause may quote the key: it goes nowhere.
    return undefined;
  }
}

function fileError(verb: string, path: string, error: unknown): KwikError {
  const reason = error instanceof Error ? error.message : String(error);
  return new KwikError('ERR_KWIK_LOCAL_FILE', `cannot ${verb} the key ${path}: ${reason}`, { cause: error });
}

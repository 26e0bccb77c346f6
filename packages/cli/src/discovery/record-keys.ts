import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { KwikError, type RecordVerifier } from '@kwik/wire';
import { readPem } from '../serve/credentials.js';

const PUBLIC_KEYS = /-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/gu;
const MAX_KEYS = 1024;

/** The key by which a server signs what it announces. Rejects with ERR_KWIK_CREDENTIALS for another kind, and as `readPem` does. */
export async function readAnnounceKey(path: string): Promise<KeyObject> {
  const key = keyOf(await readPem('--announce-key', path), createPrivateKey);
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw unusable(
      `--announce-key ${path} is no private Ed25519 key`,
      `openssl genpkey -algorithm ed25519 -out ${path}`,
    );
  }
  return key;
}

/** Believes records that one of the keys in the file has signed, and no others. Rejects as `readAnnounceKey` does. */
export async function readServerKeys(path: string): Promise<(service: string) => RecordVerifier> {
  const blocks = (await readPem('--server-keys', path)).match(PUBLIC_KEYS) ?? [];
  const keys = blocks.map((pem) => keyOf(pem, createPublicKey));
  if (keys.length === 0 || keys.length > MAX_KEYS || !keys.every((key) => key?.asymmetricKeyType === 'ed25519')) {
    throw unusable(`--server-keys ${path} takes 1 to ${MAX_KEYS} public Ed25519 keys`, 'openssl pkey -in KEY -pubout');
  }
  const known = keys.flatMap((key) => (key === undefined ? [] : [{ key }]));
  const { signedRecords } = await import('@kwik/discovery');
  return (service) => signedRecords({ service, keys: known });
}

function keyOf(pem: string, read: (pem: string) => KeyObject): KeyObject | undefined {
  try {
    return read(pem);
  } catch {
    return undefined;
  }
}

function unusable(what: string, command: string): KwikError {
  return new KwikError('ERR_KWIK_CREDENTIALS', `${what}; one is made by: ${command}`);
}

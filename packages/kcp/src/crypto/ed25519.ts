import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { concat } from './bytes.js';

/** RFC 8032: seeds and public keys. */
export const ED25519_KEY_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;

/** DER of a PrivateKeyInfo (RFC 8410, section 7) up to the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** DER of a SubjectPublicKeyInfo (RFC 8410, section 4) up to the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Raw Ed25519 keys; `privateKey` is the seed of RFC 8032. */
export interface KeyPairBytes {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  if (seed.length !== ED25519_KEY_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `an Ed25519 seed has ${ED25519_KEY_BYTES} bytes`);
  }
  return createPrivateKey({ key: Buffer.from(concat([PKCS8_PREFIX, seed])), format: 'der', type: 'pkcs8' });
}

/** The raw public key of a private or public Ed25519 key. */
export function ed25519PublicBytes(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(der.length - ED25519_KEY_BYTES));
}

export function ed25519KeyPair(seed: Uint8Array): KeyPairBytes {
  return { publicKey: ed25519PublicBytes(ed25519PrivateKey(seed)), privateKey: new Uint8Array(seed) };
}

export function ed25519Sign(seed: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, data, ed25519PrivateKey(seed)));
}

/** False for keys and signatures of a wrong length, too: peers choose both. */
export function ed25519Verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  try {
    const spki = Buffer.from(concat([SPKI_PREFIX, publicKey]));
    return verify(null, data, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

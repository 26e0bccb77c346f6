import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { ed25519PrivateKey, ed25519PublicBytes } from '../crypto/ed25519.js';
import type { Delegation } from './delegation.js';

/** Signs path tokens and content grants. A server that lists the public key, or trusts the delegation, believes them. */
export interface TokenSigner {
  /** Of Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What is signed carries it along. */
  readonly delegation?: Delegation | undefined;
  /** 64 bytes. */
  sign(data: Uint8Array): Uint8Array;
}

/** Signs with a key that it holds. */
export class Ed25519Signer implements TokenSigner {
  readonly #key: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly delegation?: Delegation;

  private constructor(key: KeyObject, delegation?: Delegation) {
    this.#key = key;
    this.publicKey = ed25519PublicBytes(key);
    if (delegation !== undefined) this.delegation = delegation;
  }

  /** `seed`: 32 secret random bytes. */
  static fromSeed(seed: Uint8Array): Ed25519Signer {
    return new Ed25519Signer(ed25519PrivateKey(seed));
  }

  /** Throws ERR_KWIK_CREDENTIALS when the PEM holds no Ed25519 private key. */
  static fromPrivateKeyPem(pem: string): Ed25519Signer {
    const key = parsePem(pem);
    if (key?.asymmetricKeyType !== 'ed25519') {
      throw new KwikError('ERR_KWIK_CREDENTIALS', 'the signing key is not an Ed25519 private key in PEM');
    }
    return new Ed25519Signer(key);
  }

  /** The same signer; what it signs carries the delegation (from `delegate`) along. */
  withDelegation(delegation: Delegation): Ed25519Signer {
    return new Ed25519Signer(this.#key, delegation);
  }

  /** 64 bytes. */
  sign(data: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, data, this.#key));
  }
}

function parsePem(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause may quote the key: it goes nowhere.
    return undefined;
  }
}

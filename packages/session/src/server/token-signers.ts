import { delegate, Ed25519Signer, type Delegation, type TokenSigner } from '@kwik/kcp';
import type { Clock } from '@kwik/wire';
import type { ServerCredentials } from '../api/options.js';

const SEED_BYTES = 32;
/** So long one key signs for sessions that begin. */
export const SIGNER_LIFE_MS = 24 * 3600 * 1000;

export interface TokenSignersOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
  /** Told of each key but the first. */
  readonly onNewKey: (publicKey: Uint8Array) => void;
}

/**
 * The keys that sign path tokens and content grants. A session has the same one as long as it lasts, since what it granted is
 * checked by it; sessions that begin a day later have another. The certificate that vouches for a key is always the newest one, so
 * that servers believe it when the one of before is out of date. Servers need not be told: a token brings what vouches for it.
 */
export class TokenSigners {
  readonly #options: TokenSignersOptions;
  #credentials: ServerCredentials;
  #signer: VouchedSigner;
  #bornMs: number;

  /** Throws ERR_KWIK_CREDENTIALS when certificate and key do not belong together, or cannot be read. */
  constructor(credentials: ServerCredentials, options: TokenSignersOptions) {
    this.#options = options;
    this.#credentials = credentials;
    this.#bornMs = options.clock.now();
    this.#signer = this.#newSigner();
  }

  /** For a session that begins now. */
  get current(): TokenSigner {
    const now = this.#options.clock.now();
    if (now - this.#bornMs >= SIGNER_LIFE_MS) {
      this.#bornMs = now;
      this.#signer = this.#newSigner();
      this.#options.onNewKey(this.#signer.publicKey);
    }
    return this.#signer;
  }

  /** From now on these vouch for all keys. Throws as the constructor does, and leaves things as they were then. */
  update(credentials: ServerCredentials): void {
    delegate(this.#signer.publicKey, credentials.key, credentials.cert);
    this.#credentials = { ...credentials };
  }

  #newSigner(): VouchedSigner {
    return new VouchedSigner(Ed25519Signer.fromSeed(this.#options.random(SEED_BYTES)), () => this.#credentials);
  }
}

class VouchedSigner implements TokenSigner {
  readonly publicKey: Uint8Array;
  readonly #key: Ed25519Signer;
  readonly #credentials: () => ServerCredentials;
  #vouched: { readonly by: ServerCredentials; readonly delegation: Delegation };

  constructor(key: Ed25519Signer, credentials: () => ServerCredentials) {
    this.#key = key;
    this.publicKey = key.publicKey;
    this.#credentials = credentials;
    this.#vouched = this.#vouchedBy(credentials());
  }

  get delegation(): Delegation {
    const by = this.#credentials();
    if (this.#vouched.by !== by) this.#vouched = this.#vouchedBy(by);
    return this.#vouched.delegation;
  }

  sign(data: Uint8Array): Uint8Array {
    return this.#key.sign(data);
  }

  #vouchedBy(by: ServerCredentials): { by: ServerCredentials; delegation: Delegation } {
    return { by, delegation: delegate(this.publicKey, by.key, by.cert) };
  }
}

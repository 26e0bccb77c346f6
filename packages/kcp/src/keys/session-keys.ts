import { hkdfSync } from 'node:crypto';
import { KwikError, sessionIdToBytes, type SessionId } from '@kwik/wire';
import { ED25519_KEY_BYTES, ed25519KeyPair, type KeyPairBytes } from '../crypto/ed25519.js';

export const SESSION_SECRET_BYTES = 32;

/** What both ends of a session hold: its id, its secret, and the keys that follow from the two. */
export interface SessionKeys {
  readonly sessionId: SessionId;
  /** 32 random bytes from the primary. */
  readonly secret: Uint8Array;
  /** Ed25519; its private half proves, its public half goes into path tokens. */
  readonly possession: KeyPairBytes;
  /** 32 bytes, for HMAC: with it the primary shows in its answer to a join that it holds the secret. */
  readonly answerKey: Uint8Array;
}

/** Separate the uses of the secret from each other and from others (sealing of relayed packets). */
const POSSESSION_INFO = 'kwik possession v1';
const ANSWER_INFO = 'kwik join answer v1';
const ANSWER_KEY_BYTES = 32;

/**
 * HKDF-SHA256 (RFC 5869) of the secret, with the session id as salt, gives the seed of the possession key and the
 * answer key. Printing the result shows the session id only.
 */
export function deriveSessionKeys(sessionId: SessionId, secret: Uint8Array): SessionKeys {
  if (secret.length !== SESSION_SECRET_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a session secret has ${SESSION_SECRET_BYTES} bytes`);
  }
  return new DerivedSessionKeys(sessionId, new Uint8Array(secret));
}

/** Keys that keep out of logs: neither `JSON.stringify` nor `util.inspect` shows them. */
class DerivedSessionKeys implements SessionKeys {
  readonly sessionId: SessionId;
  readonly secret: Uint8Array;
  #possession: KeyPairBytes | undefined;
  #answerKey: Uint8Array | undefined;

  constructor(sessionId: SessionId, secret: Uint8Array) {
    this.sessionId = sessionId;
    this.secret = secret;
  }

  /** Made when it is asked for: it costs as much as the rest of a handshake, and many a session keeps to one path. */
  get possession(): KeyPairBytes {
    this.#possession ??= ed25519KeyPair(this.#derive(POSSESSION_INFO, ED25519_KEY_BYTES));
    return this.#possession;
  }

  get answerKey(): Uint8Array {
    this.#answerKey ??= this.#derive(ANSWER_INFO, ANSWER_KEY_BYTES);
    return this.#answerKey;
  }

  toJSON(): unknown {
    return { sessionId: this.sessionId };
  }

  /** What `util.inspect`, and so `console.log`, looks for. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `SessionKeys(${this.sessionId})`;
  }

  #derive(info: string, bytes: number): Uint8Array {
    const salt = sessionIdToBytes(this.sessionId);
    return new Uint8Array(hkdfSync('sha256', this.secret, salt, info, bytes));
  }
}

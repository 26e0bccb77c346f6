import { createHmac } from 'node:crypto';
import { copyOfBytes, KwikError } from '@kwik/wire';
import { equalBytes, ownBytes, transcript, utf8 } from '../crypto/bytes.js';
import {
  type AuthChannel,
  type AuthStep,
  type ClientAuthContext,
  type ClientAuthExchange,
  type ClientAuthenticator,
  NO_DATA,
  type ServerAuthContext,
  type ServerAuthExchange,
  type ServerAuthenticator,
} from './authenticator.js';

/**
 * Pre-shared key: each side shows by HMAC-SHA256 over both nonces and the channel binding that it holds the key, the
 * client first, so that a stranger who dials a server learns nothing to try guesses on. The key never travels, and the
 * proofs are good for one TLS connection: a server in the middle cannot pass them on.
 *
 *   ClientHello.auth_initial   the name of the key
 *   AuthChallenge              (empty; brings the server's nonce)
 *   AuthResponse               HMAC(key, 'kwik psk client v2', name, client nonce, server nonce, channel binding)
 *   AuthChallenge              HMAC(key, 'kwik psk server v2', name, client nonce, server nonce, channel binding)
 *   AuthResponse               (empty)
 */
const MECHANISM = 'psk';
/** 128 bits. The mechanism does not stretch keys: they must be random, not passwords. */
export const MIN_PSK_BYTES = 16;
const MAX_KEY_NAME_BYTES = 128;

/** `key`: at least 16 random bytes; `name`: which key it is, not secret. Throws ERR_KWIK_CREDENTIALS. */
export function pskClientAuth(options: { readonly key: Uint8Array; readonly name?: string }): ClientAuthenticator {
  const key = checkedKey(options.key);
  const name = utf8(options.name ?? '');
  if (name.length > MAX_KEY_NAME_BYTES) throw new KwikError('ERR_KWIK_CREDENTIALS', 'the name of the key is too long');
  return { mechanism: MECHANISM, begin: (context) => new PskClientExchange(key, name, context) };
}

/**
 * `keys`: by name; a client that names none means ''. The identity of a session is the key's name. Throws
 * ERR_KWIK_CREDENTIALS for keys of less than 16 bytes.
 */
export function pskServerAuth(options: { readonly keys: ReadonlyMap<string, Uint8Array> }): ServerAuthenticator {
  const keys = new Map([...options.keys].map(([name, key]) => [name, checkedKey(key)]));
  return { mechanism: MECHANISM, begin: (context) => new PskServerExchange(keys, context) };
}

class PskClientExchange implements ClientAuthExchange {
  readonly #key: Uint8Array;
  readonly #name: Uint8Array;
  readonly #channel: AuthChannel;
  #state: 'start' | 'proved' | 'satisfied' = 'start';

  constructor(key: Uint8Array, name: Uint8Array, context: ClientAuthContext) {
    this.#key = key;
    this.#name = name;
    this.#channel = context;
  }

  initial(): Uint8Array {
    return this.#name;
  }

  respond(challenge: Uint8Array, serverNonce: Uint8Array): Uint8Array {
    switch (this.#state) {
      case 'start':
        this.#state = 'proved';
        return pskProof(this.#key, 'client', this.#name, this.#channel, serverNonce);
      case 'proved':
        if (!equalBytes(challenge, pskProof(this.#key, 'server', this.#name, this.#channel, serverNonce))) {
          throw new KwikError('ERR_KWIK_AUTH_FAILED', 'authentication by psk: the server does not hold the key');
        }
        this.#state = 'satisfied';
        return NO_DATA;
      case 'satisfied':
        throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'a challenge after authentication by psk was over');
    }
  }

  satisfied(): boolean {
    return this.#state === 'satisfied';
  }
}

class PskServerExchange implements ServerAuthExchange {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #context: ServerAuthContext;
  #name: Uint8Array | undefined;
  #proven = false;

  constructor(keys: ReadonlyMap<string, Uint8Array>, context: ServerAuthContext) {
    this.#keys = keys;
    this.#context = context;
  }

  step(data: Uint8Array): AuthStep {
    if (this.#name === undefined) {
      this.#name = ownBytes(data);
      return { kind: 'challenge', data: NO_DATA };
    }
    const name = Buffer.from(this.#name).toString('utf8');
    if (this.#proven) return { kind: 'decided', decision: { accepted: true, identity: name } };
    const { serverNonce, random } = this.#context;
    // An unknown name fails at the same point and after the same work as a wrong key.
    const key = this.#keys.get(name) ?? random(MIN_PSK_BYTES);
    if (!equalBytes(data, pskProof(key, 'client', this.#name, this.#context, serverNonce))) {
      return { kind: 'decided', decision: { accepted: false } };
    }
    this.#proven = true;
    return { kind: 'challenge', data: pskProof(key, 'server', this.#name, this.#context, serverNonce) };
  }
}

function pskProof(
  key: Uint8Array,
  side: 'client' | 'server',
  name: Uint8Array,
  { clientNonce, channelBinding }: AuthChannel,
  serverNonce: Uint8Array,
): Uint8Array {
  const data = transcript(`kwik psk ${side} v2`, name, clientNonce, serverNonce, channelBinding);
  return new Uint8Array(createHmac('sha256', key).update(data).digest());
}

function checkedKey(key: Uint8Array): Uint8Array {
  const own = copyOfBytes(key, 'a pre-shared key');
  if (own.length < MIN_PSK_BYTES) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', `a pre-shared key needs at least ${MIN_PSK_BYTES} random bytes`);
  }
  return own;
}

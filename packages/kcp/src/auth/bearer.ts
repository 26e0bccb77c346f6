import { isUtf8 } from 'node:buffer';
import { KwikError } from '@kwik/wire';
import { utf8 } from '../crypto/bytes.js';
import { type AuthDecision, type ClientAuthenticator, NO_DATA, type ServerAuthenticator } from './authenticator.js';

const MECHANISM = 'bearer';
export const MAX_BEARER_BYTES = 8_192;

/**
 * Sends a token to the server, inside TLS and only after the server's certificate was accepted. `token`: at most
 * 8,192 bytes of UTF-8, or a function that gives the one of the hour. Throws ERR_KWIK_CREDENTIALS when it does not fit.
 */
export function bearerClientAuth(token: string | (() => string)): ClientAuthenticator {
  const message = (): Uint8Array => {
    const bytes = utf8(typeof token === 'string' ? token : token());
    if (bytes.length > 0 && bytes.length <= MAX_BEARER_BYTES) return bytes;
    throw new KwikError('ERR_KWIK_CREDENTIALS', `a bearer token has 1 to ${MAX_BEARER_BYTES} bytes`);
  };
  if (typeof token === 'string') message();
  // The server never challenges a bearer; it checks what it was given.
  return { mechanism: MECHANISM, begin: () => ({ initial: message, respond: () => NO_DATA, satisfied: () => true }) };
}

/** `check` decides about a token, now or later; a rejection or a throw of it refuses. */
export function bearerServerAuth(check: (token: string) => AuthDecision | Promise<AuthDecision>): ServerAuthenticator {
  return {
    mechanism: MECHANISM,
    begin: () => ({
      step: (data) =>
        data.length > 0 && data.length <= MAX_BEARER_BYTES && isUtf8(data)
          ? { kind: 'ask', data }
          : { kind: 'decided', decision: { accepted: false } },
    }),
    check: (data) => check(Buffer.from(data).toString('utf8')),
  };
}

import { type ClientAuthenticator, NO_DATA, type ServerAuthenticator } from './authenticator.js';

/** No authentication, for development. Works only with a server that lists `noneServerAuth`. */
export function noneClientAuth(): ClientAuthenticator {
  const exchange = { initial: () => NO_DATA, respond: () => NO_DATA, satisfied: () => true };
  return { mechanism: 'none', begin: () => exchange };
}

/** Lets everybody open sessions who can reach the server. For development. */
export function noneServerAuth(): ServerAuthenticator {
  return { mechanism: 'none', begin: () => ({ step: () => ({ kind: 'decided', decision: { accepted: true } }) }) };
}

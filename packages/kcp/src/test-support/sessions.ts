import { type SessionId, sessionIdFromBytes, toPathId } from '@kwik/wire';
import type { ClientAuthenticator, ServerAuthenticator } from '../auth/authenticator.js';
import { noneClientAuth, noneServerAuth } from '../auth/none.js';
import { ClientHandshake, type ClientHandshakeOptions } from '../handshake/client-handshake.js';
import { DEFAULT_LIMITS } from '../handshake/limits.js';
import type { ServerHandshakeOptions } from '../handshake/server-contract.js';
import { ServerHandshake } from '../handshake/server-handshake.js';
import { JoinAdmission } from '../join/join-admission.js';
import { deriveSessionKeys, type SessionKeys } from '../keys/session-keys.js';
import { type PathTokenFields, issuePathToken } from '../tokens/path-token.js';
import { Ed25519Signer } from '../tokens/signer.js';
import { UsedTokens } from '../tokens/used-tokens.js';
import { seededRandom } from './random.js';

/** Wall clock of the tests, 2027. */
export const NOW_MS = 1_800_000_000_000;
export const SECONDARY = 'second.example:4433';

export function makeSigner(name = 'primary'): Ed25519Signer {
  return Ed25519Signer.fromSeed(seededRandom(name)(32));
}

export function makeSessionKeys(name = 'session'): SessionKeys {
  const random = seededRandom(name);
  return deriveSessionKeys(sessionIdFromBytes(random(16)), random(32));
}

export function tokenFields(keys: SessionKeys, changes: Partial<PathTokenFields> = {}): PathTokenFields {
  return {
    sessionId: keys.sessionId,
    audience: SECONDARY,
    pathId: toPathId(3),
    possessionKey: keys.possession.publicKey,
    capabilities: [],
    notBeforeMs: NOW_MS,
    expiresMs: NOW_MS + 30_000,
    tokenId: seededRandom('token')(16),
    ...changes,
  };
}

/** Of the connection between the two. */
export const CHANNEL: Uint8Array = new Uint8Array(32).fill(0xcb);

export function makeToken(
  keys: SessionKeys,
  changes: Partial<PathTokenFields> = {},
  signer = makeSigner(),
): Uint8Array {
  return issuePathToken(signer, tokenFields(keys, changes));
}

export function makeAdmission(changes: Partial<ConstructorParameters<typeof JoinAdmission>[0]> = {}): JoinAdmission {
  return new JoinAdmission({
    trust: { keys: [makeSigner().publicKey] },
    audiences: () => [SECONDARY],
    used: new UsedTokens(),
    maxTokenLifeMs: 60_000,
    ...changes,
  });
}

export function makeClient(changes: Partial<ClientHandshakeOptions> = {}): ClientHandshake {
  return new ClientHandshake({
    purpose: { kind: 'open' },
    auth: [noneClientAuth()],
    capabilities: [],
    limits: DEFAULT_LIMITS,
    agent: 'test/1',
    channelBinding: CHANNEL,
    random: seededRandom('client'),
    ...changes,
  });
}

export function makeServer(changes: Partial<ServerHandshakeOptions> = {}): ServerHandshake {
  const random = seededRandom('server');
  return new ServerHandshake({
    auth: [noneServerAuth()],
    capabilities: [],
    limits: DEFAULT_LIMITS,
    serverId: 'server-1',
    random,
    serverKey: makeSigner().publicKey,
    makeSessionId: (): SessionId => sessionIdFromBytes(random(16)),
    sessionSecret: () => random(32),
    findSession: () => undefined,
    admission: makeAdmission(),
    peerCertificates: [],
    channelBinding: CHANNEL,
    ...changes,
  });
}

export function authPair(client: ClientAuthenticator, server: ServerAuthenticator) {
  return { client: makeClient({ auth: [client] }), server: makeServer({ auth: [server] }) };
}

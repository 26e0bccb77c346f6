import { CONTROL_LIMITS, KwikError, proto } from '@kwik/wire';
import { equalBytes } from '../crypto/bytes.js';

/** Nonces of both sides. */
export const NONCE_BYTES = 32;

/** SHA-256. */
const CHANNEL_BINDING_BYTES = 32;

/** Challenges in one handshake; the mechanisms here need two, one more when the server chooses the mechanism. */
export const MAX_AUTH_ROUNDS = 8;

/** Throws ERR_KWIK_INVALID_MESSAGE unless `bytes` has the length. The codec checks it too; a core trusts no caller. */
export function requireBytes(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length === length) return;
  throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${what} has ${bytes.length} bytes, not ${length}`);
}

/**
 * Throws ERR_KWIK_CERTIFICATE unless the client saw the certificate that this server showed on this connection. Whoever
 * sits between may change what the client says here, but not the proofs that hold the same bytes.
 */
export function requireSameChannel(seen: Uint8Array, own: Uint8Array): void {
  if (seen.length === 0) {
    const text = 'the client does not say which certificate it saw (channel_binding): it needs a newer version of KWIK';
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', text);
  }
  requireBytes(seen, CHANNEL_BINDING_BYTES, 'the channel binding');
  if (equalBytes(seen, own)) return;
  throw new KwikError(
    'ERR_KWIK_CERTIFICATE',
    "the server's certificate is not the one that the client saw: somebody relays this connection",
  );
}

/** Throws ERR_KWIK_INVALID_ARGUMENT: a handshake that is tied to no connection can be relayed. */
export function requireOwnChannel(channelBinding: Uint8Array | undefined): void {
  if (channelBinding?.length === CHANNEL_BINDING_BYTES) return;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `channelBinding: ${CHANNEL_BINDING_BYTES} bytes are needed, the SHA-256 of the leaf certificate that the server showed`,
  );
}

/** Names the challenge to a path that joins at the primary: prove that you hold the session. Nobody may register it. */
export const JOIN_MECHANISM = 'join';

/** Once each, without those of newer versions. */
export function knownCapabilities(capabilities: readonly proto.Capability[]): proto.Capability[] {
  const known: ReadonlySet<number> = new Set(Object.values(proto.Capability));
  return [...new Set(capabilities)].filter((one) => known.has(one) && one !== proto.Capability.UNSPECIFIED);
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for mechanisms that no hello could carry. */
export function requireMechanisms(names: readonly string[]): void {
  if (names.includes(JOIN_MECHANISM)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `no mechanism may be called '${JOIN_MECHANISM}'`);
  }
  if (names.length > CONTROL_LIMITS.mechanisms || new Set(names).size !== names.length) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `authenticators: at most ${CONTROL_LIMITS.mechanisms}, no mechanism twice`,
    );
  }
}

export function violation(message: string): KwikError {
  return new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', message);
}

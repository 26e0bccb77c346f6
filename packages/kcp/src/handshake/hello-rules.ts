import { CONTROL_LIMITS, KwikError, proto } from '@kwik/wire';

/** Nonces of both sides. */
export const NONCE_BYTES = 32;

/** Challenges in one handshake; the mechanisms here need two, one more when the server chooses the mechanism. */
export const MAX_AUTH_ROUNDS = 8;

/** Throws ERR_KWIK_INVALID_MESSAGE unless `bytes` has the length. The codec checks it too; a core trusts no caller. */
export function requireBytes(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length === length) return;
  throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${what} has ${bytes.length} bytes, not ${length}`);
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

import { type PathId, type SessionId, sessionIdToBytes } from '@kwik/wire';
import { transcript, uint32Bytes, utf8 } from '../crypto/bytes.js';
import { ed25519Sign, ed25519Verify } from '../crypto/ed25519.js';
import type { SessionKeys } from '../keys/session-keys.js';
import { normalAudience } from '../tokens/audience.js';

/** What a join with a token binds together; the token is used once, and so is the proof. */
export interface JoinTranscript {
  readonly sessionId: SessionId;
  readonly tokenId: Uint8Array;
  readonly clientNonce: Uint8Array;
  /** The token's. */
  readonly audience: string;
  readonly pathId: PathId;
}

/** Signature by the session's possession key: the joiner holds the session, for this hello at this server only. */
export function proveJoin(keys: SessionKeys, join: JoinTranscript): Uint8Array {
  return ed25519Sign(keys.possession.privateKey, joinTranscript(join));
}

export function joinProven(possessionKey: Uint8Array, join: JoinTranscript, proof: Uint8Array): boolean {
  return ed25519Verify(possessionKey, joinTranscript(join), proof);
}

/**
 * What a join at the primary binds together. No token bounds its use, so the server's nonce does: a proof is good for
 * one connection, whoever has seen it.
 */
export interface PrimaryJoinTranscript {
  readonly sessionId: SessionId;
  readonly clientNonce: Uint8Array;
  readonly serverNonce: Uint8Array;
  readonly pathId: PathId;
}

/** The answer to the primary's challenge. */
export function provePrimaryJoin(keys: SessionKeys, join: PrimaryJoinTranscript): Uint8Array {
  return ed25519Sign(keys.possession.privateKey, primaryJoinTranscript(join));
}

export function primaryJoinProven(possessionKey: Uint8Array, join: PrimaryJoinTranscript, proof: Uint8Array): boolean {
  return ed25519Verify(possessionKey, primaryJoinTranscript(join), proof);
}

function primaryJoinTranscript(join: PrimaryJoinTranscript): Uint8Array {
  return transcript(
    'kwik join primary v1',
    sessionIdToBytes(join.sessionId),
    join.clientNonce,
    join.serverNonce,
    uint32Bytes(join.pathId),
  );
}

function joinTranscript(join: JoinTranscript): Uint8Array {
  return transcript(
    'kwik join v1',
    sessionIdToBytes(join.sessionId),
    join.tokenId,
    join.clientNonce,
    utf8(normalAudience(join.audience)),
    uint32Bytes(join.pathId),
  );
}

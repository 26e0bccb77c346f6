import { type PathId, type SessionId, sessionIdToBytes } from '@kwik/wire';
import { transcript, uint32Bytes, utf8 } from '../crypto/bytes.js';
import { ed25519Sign, ed25519Verify } from '../crypto/ed25519.js';
import type { SessionKeys } from '../keys/session-keys.js';
import { normalAudience } from '../tokens/audience.js';

/** What a join binds together. */
export interface JoinTranscript {
  readonly sessionId: SessionId;
  /** Empty when the path joins at the primary, without a token. */
  readonly tokenId: Uint8Array;
  readonly clientNonce: Uint8Array;
  /** The token's; empty when there is none. */
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

import { createHmac } from 'node:crypto';
import { type PathId, type SessionId, sessionIdToBytes } from '@kwik/wire';
import { equalBytes, transcript, uint32Bytes, utf8 } from '../crypto/bytes.js';
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
  /** Of the TLS connection: a server that passes the proof on to another one gains nothing. */
  readonly channelBinding: Uint8Array;
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
  /** Of the TLS connection. */
  readonly channelBinding: Uint8Array;
}

/** The client's answer to the primary's challenge. */
export function provePrimaryJoin(keys: SessionKeys, join: PrimaryJoinTranscript): Uint8Array {
  return ed25519Sign(keys.possession.privateKey, primaryJoinTranscript('kwik join primary v2', join));
}

export function primaryJoinProven(possessionKey: Uint8Array, join: PrimaryJoinTranscript, proof: Uint8Array): boolean {
  return ed25519Verify(possessionKey, primaryJoinTranscript('kwik join primary v2', join), proof);
}

/** The client's answer when a path that lives gets a new connection, at whatever server it leads to. */
export function proveRenewal(keys: SessionKeys, join: PrimaryJoinTranscript): Uint8Array {
  return ed25519Sign(keys.possession.privateKey, primaryJoinTranscript('kwik renew path v1', join));
}

export function renewalProven(possessionKey: Uint8Array, join: PrimaryJoinTranscript, proof: Uint8Array): boolean {
  return ed25519Verify(possessionKey, primaryJoinTranscript('kwik renew path v1', join), proof);
}

/** The client's answer when a standby is to become the primary. */
export function proveTakeover(keys: SessionKeys, join: PrimaryJoinTranscript): Uint8Array {
  return ed25519Sign(keys.possession.privateKey, primaryJoinTranscript('kwik take over v1', join));
}

export function takeoverProven(possessionKey: Uint8Array, join: PrimaryJoinTranscript, proof: Uint8Array): boolean {
  return ed25519Verify(possessionKey, primaryJoinTranscript('kwik take over v1', join), proof);
}

/**
 * The primary's own proof, in its ServerHello: it holds the secret. Nobody else does but the client, so whoever was only
 * let through by TLS cannot make it.
 */
export function proveAnswer(keys: SessionKeys, join: PrimaryJoinTranscript): Uint8Array {
  const hmac = createHmac('sha256', keys.answerKey).update(primaryJoinTranscript('kwik join answer v1', join));
  return new Uint8Array(hmac.digest());
}

export function answerProven(keys: SessionKeys, join: PrimaryJoinTranscript, proof: Uint8Array): boolean {
  return equalBytes(proveAnswer(keys, join), proof);
}

function primaryJoinTranscript(label: string, join: PrimaryJoinTranscript): Uint8Array {
  return transcript(
    label,
    sessionIdToBytes(join.sessionId),
    join.clientNonce,
    join.serverNonce,
    uint32Bytes(join.pathId),
    join.channelBinding,
  );
}

function joinTranscript(join: JoinTranscript): Uint8Array {
  return transcript(
    'kwik join v2',
    sessionIdToBytes(join.sessionId),
    join.tokenId,
    join.clientNonce,
    utf8(normalAudience(join.audience)),
    uint32Bytes(join.pathId),
    join.channelBinding,
  );
}

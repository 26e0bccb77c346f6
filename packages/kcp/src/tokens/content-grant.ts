import { KwikError, type SessionId, type StreamId, decodeContentGrant, proto, sessionIdToBytes } from '@kwik/wire';
import { equalBytes } from '../crypto/bytes.js';
import { CLOCK_SKEW_MS } from './path-token.js';
import { decodedOrUndefined, openEnvelope, seal, signedUnder } from './envelope.js';
import type { TokenSigner } from './signer.js';

const LABEL = 'kwik content grant v1';

export interface ContentGrantFields {
  readonly sessionId: SessionId;
  readonly streamId: StreamId;
  /** The opaque name of the content. */
  readonly key: string;
  readonly size: bigint;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** An encoded SignedEnvelope around a ContentGrant: a session may read this content into this stream. */
export function issueContentGrant(signer: TokenSigner, fields: ContentGrantFields): Uint8Array {
  const grant: proto.ContentGrant = {
    sessionId: sessionIdToBytes(fields.sessionId),
    streamId: fields.streamId,
    key: fields.key,
    size: fields.size,
    expiresMs: BigInt(Math.trunc(fields.expiresMs)),
  };
  return seal(signer, LABEL, proto.ContentGrant.encode(grant).finish());
}

export interface VerifyContentGrantOptions {
  /** The key that signed the path token of this path. */
  readonly signer: Uint8Array;
  readonly sessionId: SessionId;
  readonly nowMs: number;
}

/**
 * The grant, if `signer` signed it for this session and it is in time. May be shown any number of times. Throws
 * ERR_KWIK_TOKEN_INVALID or ERR_KWIK_TOKEN_EXPIRED.
 */
export function verifyContentGrant(bytes: Uint8Array, options: VerifyContentGrantOptions): proto.ContentGrant {
  const envelope = openEnvelope(bytes);
  if (envelope === undefined) throw invalid('cannot be decoded');
  if (!equalBytes(envelope.signer, options.signer)) throw invalid('is not signed by the primary');
  if (!signedUnder(LABEL, envelope)) throw invalid('has a wrong signature');
  const grant = decodedOrUndefined(() => decodeContentGrant(envelope.payload));
  if (grant === undefined) throw invalid('cannot be decoded');
  if (!equalBytes(grant.sessionId, sessionIdToBytes(options.sessionId))) throw invalid('is for another session');
  if (options.nowMs >= Number(grant.expiresMs) + CLOCK_SKEW_MS) {
    throw new KwikError('ERR_KWIK_TOKEN_EXPIRED', 'the content grant is past its time');
  }
  return grant;
}

function invalid(what: string): KwikError {
  return new KwikError('ERR_KWIK_TOKEN_INVALID', `the content grant ${what}`);
}

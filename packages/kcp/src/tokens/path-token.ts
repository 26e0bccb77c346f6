import {
  KwikError,
  type PathId,
  type SessionId,
  decodePathToken,
  proto,
  sessionIdFromBytes,
  sessionIdToBytes,
  toPathId,
} from '@kwik/wire';
import { ownBytes } from '../crypto/bytes.js';
import { ED25519_KEY_BYTES } from '../crypto/ed25519.js';
import { isAudience } from './audience.js';
import { decodedOrUndefined, openEnvelope, seal, signedUnder } from './envelope.js';
import { type Refusal, refusalError, refuse } from './refusal.js';
import type { TokenSigner } from './signer.js';
import { SignerTrust, type TrustPolicy } from './trust.js';
import type { UsedTokens } from './used-tokens.js';

const TOKEN_ID_BYTES = 16;
/** From `addPath` on the primary to the Join at the secondary: a dial and a handshake, with time for a retry. */
export const DEFAULT_TOKEN_LIFE_MS = 60_000;
/**
 * Clocks of servers differ: a token counts so much before its beginning and after its end. It is remembered as used for
 * as long, so that the grace lets nobody use it twice.
 */
export const CLOCK_SKEW_MS = 60_000;

const LABEL = 'kwik path token v1';

export interface PathTokenFields {
  readonly sessionId: SessionId;
  /** `host:port` of the server that shall admit the path. */
  readonly audience: string;
  readonly pathId: PathId;
  /** Public half of the session's possession key. */
  readonly possessionKey: Uint8Array;
  /** What the server may do in the session. */
  readonly capabilities: readonly proto.Capability[];
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly expiresMs: number;
  /** 16 random bytes. */
  readonly tokenId: Uint8Array;
  /** With the capability `relay`: what the server may forward, and where to. */
  readonly relay?: proto.RelayGrant | undefined;
}

export interface VerifiedPathToken extends PathTokenFields {
  /** The Ed25519 key that signed it: the primary's. */
  readonly signer: Uint8Array;
}

export interface VerifyPathTokenOptions {
  readonly trust: TrustPolicy | SignerTrust;
  /** `host:port` names that this server answers to. */
  readonly audiences: readonly string[];
  readonly nowMs: number;
  readonly used: UsedTokens;
  /** Longest time that a token may still have. Default: DEFAULT_TOKEN_LIFE_MS. Bounds what `used` must remember. */
  readonly maxTokenLifeMs?: number;
}

/** An encoded SignedEnvelope around a PathToken. Throws ERR_KWIK_INVALID_ARGUMENT for fields that no server would take. */
export function issuePathToken(signer: TokenSigner, fields: PathTokenFields): Uint8Array {
  if (fields.tokenId.length !== TOKEN_ID_BYTES || fields.possessionKey.length !== ED25519_KEY_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a token id has 16 bytes and a possession key 32');
  }
  if (!(fields.expiresMs > fields.notBeforeMs)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a token must expire after it becomes valid');
  }
  const token: proto.PathToken = {
    sessionId: sessionIdToBytes(fields.sessionId),
    server: fields.audience,
    notBeforeMs: BigInt(Math.trunc(fields.notBeforeMs)),
    expiresMs: BigInt(Math.trunc(fields.expiresMs)),
    capabilities: [...fields.capabilities],
    pathId: fields.pathId,
    tokenId: fields.tokenId,
    possessionKey: fields.possessionKey,
    relay: fields.relay,
  };
  return seal(signer, LABEL, proto.PathToken.encode(token).finish());
}

/**
 * Checks a token and marks it used. Throws KwikError with a code for each kind of refusal: ERR_KWIK_TOKEN_INVALID,
 * _FORGED, _UNTRUSTED, _EXPIRED, _WRONG_SERVER, _REPLAYED, or ERR_KWIK_CONNECTION_REFUSED when `used` is full. The proof of possession is
 * the business of JoinAdmission.
 */
export function verifyPathToken(bytes: Uint8Array, options: VerifyPathTokenOptions): VerifiedPathToken {
  const trust = options.trust instanceof SignerTrust ? options.trust : new SignerTrust(options.trust);
  const checked = checkPathToken(bytes, { ...options, trust });
  if (!checked.ok) throw refusalError(checked);
  const refusal = markUsed(checked.token, options.used, options.nowMs);
  if (refusal !== undefined) throw refusalError(refusal);
  return checked.token;
}

export type TokenCheck = { readonly ok: true; readonly token: VerifiedPathToken } | Refusal;

/** All checks of a token itself; changes nothing. */
export function checkPathToken(
  bytes: Uint8Array,
  options: Omit<VerifyPathTokenOptions, 'trust'> & { readonly trust: SignerTrust },
): TokenCheck {
  const { trust, audiences, nowMs, used, maxTokenLifeMs = DEFAULT_TOKEN_LIFE_MS } = options;
  const envelope = openEnvelope(bytes);
  if (envelope === undefined) return refuse('malformed', 'the token cannot be decoded');
  // Nothing that the token says counts before its signature does: whatever else is wrong with a forged one, it is forged.
  if (!signedUnder(LABEL, envelope)) return refuse('forged', "the token's signature is wrong");
  const distrust = trust.fault(envelope, nowMs);
  if (distrust !== undefined) return refuse('untrusted', `the token is signed by ${distrust}`);
  const token = readToken(envelope);
  if (token === undefined) return refuse('malformed', 'the token cannot be decoded');
  const outside = outsideItsTime(token, nowMs);
  if (outside !== undefined) return refuse('expired', outside);
  if (token.expiresMs - nowMs > maxTokenLifeMs + CLOCK_SKEW_MS) {
    return refuse('lifetime', `the token lives longer than ${maxTokenLifeMs} ms`);
  }
  if (!isAudience(token.audience, audiences)) return refuse('wrongServer', 'the token is for another server');
  if (used.has(token.tokenId, nowMs)) return refuse('replayed', 'the token was used before');
  return { ok: true, token };
}

/** In words, with what to do; undefined within its time. */
function outsideItsTime({ notBeforeMs, expiresMs }: VerifiedPathToken, nowMs: number): string | undefined {
  const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
  const advice = 'if the clocks of the two servers differ, set them';
  if (nowMs >= expiresMs + CLOCK_SKEW_MS) return `the token ended ${seconds(nowMs - expiresMs)} ago; ${advice}`;
  if (nowMs >= notBeforeMs - CLOCK_SKEW_MS) return undefined;
  return `the token begins only in ${seconds(notBeforeMs - nowMs)}; ${advice}`;
}

/** The last step of admission: everything else about the token must be verified. */
export function markUsed(token: VerifiedPathToken, used: UsedTokens, nowMs: number): Refusal | undefined {
  switch (used.use(token.tokenId, token.expiresMs + CLOCK_SKEW_MS, nowMs)) {
    case 'used':
      return undefined;
    case 'replayed':
      return refuse('replayed', 'the token was used before');
    case 'full':
      return refuse('full', 'the server remembers as many used tokens as it can; try again later');
  }
}

/** The id of a token that nobody has verified, for the holder's own proof. */
export function peekTokenId(bytes: Uint8Array): Uint8Array | undefined {
  const envelope = openEnvelope(bytes);
  return envelope === undefined ? undefined : readToken(envelope)?.tokenId;
}

function readToken(envelope: proto.SignedEnvelope): VerifiedPathToken | undefined {
  const token = decodedOrUndefined(() => decodePathToken(envelope.payload));
  if (token === undefined) return undefined;
  // Views keep the whole received buffer alive, and the session keeps these for long.
  return {
    sessionId: sessionIdFromBytes(token.sessionId),
    audience: token.server,
    pathId: toPathId(token.pathId),
    possessionKey: ownBytes(token.possessionKey),
    capabilities: token.capabilities.filter((capability) => capability !== proto.Capability.UNSPECIFIED),
    notBeforeMs: Number(token.notBeforeMs),
    expiresMs: Number(token.expiresMs),
    tokenId: ownBytes(token.tokenId),
    ...(token.relay !== undefined && { relay: token.relay }),
    signer: ownBytes(envelope.signer),
  };
}

import { type KwikError, type proto, sessionIdToBytes } from '@kwik/wire';
import { equalBytes } from '../crypto/bytes.js';
import {
  DEFAULT_TOKEN_LIFE_MS,
  type TokenCheck,
  type VerifiedPathToken,
  checkPathToken,
  markUsed,
} from '../tokens/path-token.js';
import { type Refusal, type RefusalName, refusalError, refuse } from '../tokens/refusal.js';
import { SignerTrust, type TrustPolicy } from '../tokens/trust.js';
import type { UsedTokens } from '../tokens/used-tokens.js';
import { joinProven } from './join-proof.js';

export interface JoinAdmissionOptions {
  readonly trust: TrustPolicy;
  /** `host:port` names that this server answers to; asked at every join, since a port may be known late. */
  readonly audiences: () => readonly string[];
  readonly used: UsedTokens;
  /** Default: DEFAULT_TOKEN_LIFE_MS. */
  readonly maxTokenLifeMs?: number;
}

/** Joins by outcome; every refusal is counted once, by its name. */
export type JoinCounters = Readonly<Record<RefusalName | 'accepted', number>>;

export type Admission =
  | { readonly ok: true; readonly token: VerifiedPathToken }
  | { readonly ok: false; readonly refusal: RefusalName; readonly error: KwikError };

/** The connection on which a join arrived. */
export interface JoinConnection {
  /** 32 bytes, of its hello. */
  readonly clientNonce: Uint8Array;
  /** SHA-256 of the leaf certificate that this server showed on it. */
  readonly channelBinding: Uint8Array;
}

/** Decides at a secondary whether a path may join a session: a token of a trusted primary, and proof of possession. */
export class JoinAdmission {
  readonly #trust: SignerTrust;
  readonly #audiences: () => readonly string[];
  readonly #used: UsedTokens;
  readonly #maxTokenLifeMs: number;
  readonly #counters: Record<RefusalName | 'accepted', number> = {
    accepted: 0,
    malformed: 0,
    forged: 0,
    untrusted: 0,
    expired: 0,
    lifetime: 0,
    wrongServer: 0,
    wrongSession: 0,
    replayed: 0,
    proof: 0,
    full: 0,
  };

  /** Throws ERR_KWIK_CREDENTIALS when the authorities of the policy cannot be read. */
  constructor(options: JoinAdmissionOptions) {
    this.#trust = new SignerTrust(options.trust);
    this.#audiences = options.audiences;
    this.#used = options.used;
    this.#maxTokenLifeMs = options.maxTokenLifeMs ?? DEFAULT_TOKEN_LIFE_MS;
  }

  get counters(): JoinCounters {
    return { ...this.#counters };
  }

  /** Marks the token used only when everything else is verified, so that a thief cannot spend the owner's token. */
  admit(join: proto.Join, connection: JoinConnection, nowMs: number): Admission {
    const checked = this.#check(join, connection, nowMs);
    if (checked.ok) {
      this.#counters.accepted++;
      return checked;
    }
    this.#counters[checked.name]++;
    return { ok: false, refusal: checked.name, error: refusalError(checked) };
  }

  #check(join: proto.Join, connection: JoinConnection, nowMs: number): TokenCheck {
    const checked = checkPathToken(join.token, {
      trust: this.#trust,
      audiences: this.#audiences(),
      nowMs,
      used: this.#used,
      maxTokenLifeMs: this.#maxTokenLifeMs,
    });
    if (!checked.ok) return checked;
    return joinFault(join, checked.token, connection) ?? markUsed(checked.token, this.#used, nowMs) ?? checked;
  }
}

function joinFault(
  join: proto.Join,
  token: VerifiedPathToken,
  { clientNonce, channelBinding }: JoinConnection,
): Refusal | undefined {
  const { sessionId, tokenId, audience, pathId } = token;
  if (!equalBytes(join.sessionId, sessionIdToBytes(sessionId)) || join.pathId !== pathId) {
    return refuse('wrongSession', 'the token is for another session or path');
  }
  const transcript = { sessionId, tokenId, clientNonce, audience, pathId, channelBinding };
  if (joinProven(token.possessionKey, transcript, join.proof)) return undefined;
  return refuse('proof', 'the joiner does not hold the session that the token is for');
}

import { KwikError, type ErrorCode } from '@kwik/wire';

/** Why a path was not admitted; the names under which refusals are counted. */
export type RefusalName =
  | 'malformed'
  | 'forged'
  | 'untrusted'
  | 'expired'
  | 'lifetime'
  | 'wrongServer'
  | 'wrongSession'
  | 'replayed'
  | 'proof'
  | 'full';

export interface Refusal {
  readonly ok: false;
  readonly name: RefusalName;
  readonly reason: string;
}

const CODES: Readonly<Record<RefusalName, ErrorCode>> = {
  malformed: 'ERR_KWIK_TOKEN_INVALID',
  forged: 'ERR_KWIK_TOKEN_FORGED',
  untrusted: 'ERR_KWIK_TOKEN_UNTRUSTED',
  expired: 'ERR_KWIK_TOKEN_EXPIRED',
  lifetime: 'ERR_KWIK_TOKEN_INVALID',
  wrongServer: 'ERR_KWIK_TOKEN_WRONG_SERVER',
  wrongSession: 'ERR_KWIK_TOKEN_WRONG_SESSION',
  replayed: 'ERR_KWIK_TOKEN_REPLAYED',
  proof: 'ERR_KWIK_PROOF_INVALID',
  full: 'ERR_KWIK_CONNECTION_REFUSED',
};

export function refuse(name: RefusalName, reason: string): Refusal {
  return { ok: false, name, reason };
}

export function refusalError(refusal: Refusal): KwikError {
  return new KwikError(CODES[refusal.name], refusal.reason);
}

import { isSpiffeUri, parseSpiffeId, type proto } from '@kwik/wire';
import { toHex } from '../crypto/bytes.js';
import { delegationFault } from './delegation.js';
import { Authorities, type TrustDomains } from './trust-domains.js';

/** Whose signatures on path tokens a server believes. With neither member, nobody's. */
export interface TrustPolicy {
  /** Raw Ed25519 public keys, 32 bytes each. */
  readonly keys?: readonly Uint8Array[];
  /**
   * PEM of authorities. A signer is believed when a TLS server certificate that leads to one of them vouches for it.
   * Every server of that authority can then act as a primary; `names` narrows that down.
   */
  readonly ca?: string;
  /**
   * PEM of the authorities of SPIFFE trust domains, by their names. Where it is given, a certificate with an id vouches only when an
   * authority of its own domain issued it, and `ca` is for those without one.
   */
  readonly trustDomains?: TrustDomains;
  /** Host names, IP addresses or SPIFFE ids; the certificate that vouches must carry one of them. Absent: any. */
  readonly names?: readonly string[];
}

/** A policy made ready: PEM parsed once, keys to look up. */
export class SignerTrust {
  readonly #keys: ReadonlySet<string>;
  readonly #authorities: Authorities;
  readonly #names: readonly string[] | undefined;

  /** Throws ERR_KWIK_CREDENTIALS when the authorities cannot be read, ERR_KWIK_INVALID_ARGUMENT for a SPIFFE id that is none. */
  constructor(policy: TrustPolicy) {
    this.#keys = new Set((policy.keys ?? []).map(toHex));
    this.#authorities = new Authorities(policy.ca, policy.trustDomains);
    this.#names = policy.names;
    for (const name of policy.names ?? []) if (isSpiffeUri(name)) parseSpiffeId(name);
  }

  /** Why the signer of an envelope is not believed; undefined when it is. Its signature is another matter. */
  fault({ signer, chain, delegation }: proto.SignedEnvelope, nowMs: number): string | undefined {
    if (this.#keys.has(toHex(signer))) return undefined;
    if (chain.length === 0) return 'a key that is not trusted';
    const trust = { anchors: this.#authorities.of(chain), names: this.#names };
    return delegationFault({ chain, signature: delegation }, signer, trust, nowMs);
  }
}

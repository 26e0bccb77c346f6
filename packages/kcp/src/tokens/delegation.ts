import { constants, createPrivateKey, sign, verify, type KeyObject, type X509Certificate } from 'node:crypto';
import { isSpiffeUri, KwikError, svidName } from '@kwik/wire';
import { labelled } from '../crypto/bytes.js';
import { checkChain, parseCertificatesPem } from './certificate-chain.js';

/** A TLS certificate vouches for the Ed25519 key that signs tokens. */
export interface Delegation {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** By the leaf's key, over `'kwik delegation v1\0' || signer's public key`. */
  readonly signature: Uint8Array;
}

const DELEGATION_LABEL = 'kwik delegation v1';
/** RFC 8446 lets TLS 1.3 use smaller ones; nothing should trust them. */
const MIN_RSA_BITS = 2_048;

/**
 * Lets whoever trusts the certificate trust the signer. `leafKeyPem` and `chainPem` (leaf first) are what the TLS
 * server uses. Throws ERR_KWIK_CREDENTIALS when they do not belong together or cannot be read.
 */
export function delegate(signerPublicKey: Uint8Array, leafKeyPem: string, chainPem: string): Delegation {
  const certificates = parseCertificatesPem(chainPem);
  const key = readPrivateKey(leafKeyPem);
  const leaf = certificates[0] as X509Certificate;
  if (!leaf.checkPrivateKey(key)) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'the private key does not belong to the first certificate');
  }
  const data = labelled(DELEGATION_LABEL, signerPublicKey);
  return {
    chain: certificates.map((certificate) => new Uint8Array(certificate.raw)),
    signature: new Uint8Array(sign(digestFor(key), data, signingKey(key))),
  };
}

export interface DelegationTrust {
  readonly anchors: readonly X509Certificate[];
  /** Host names, IP addresses or SPIFFE ids of which the leaf must carry one; undefined: any. */
  readonly names: readonly string[] | undefined;
}

/** What is wrong with a delegation; undefined when nothing is. */
export function delegationFault(
  delegation: Delegation,
  signerPublicKey: Uint8Array,
  trust: DelegationTrust,
  nowMs: number,
): string | undefined {
  const checked = checkChain(delegation.chain, trust.anchors, 'server', nowMs);
  if (!checked.ok) return checked.reason;
  const { leaf } = checked;
  if (trust.names !== undefined && !trust.names.some((name) => namesHost(leaf, name))) {
    return 'a certificate of another name';
  }
  const data = labelled(DELEGATION_LABEL, signerPublicKey);
  return verifiedBy(leaf.publicKey, data, delegation.signature) ? undefined : 'a certificate that did not sign for it';
}

function namesHost(leaf: X509Certificate, name: string): boolean {
  try {
    if (isSpiffeUri(name)) {
      const svid = svidName(leaf.subjectAltName ?? '');
      return svid.kind === 'id' && svid.id === name;
    }
    return leaf.checkHost(name, { subject: 'never' }) !== undefined || leaf.checkIP(name) !== undefined;
  } catch {
    // checkIP throws for what is no address, and Node 22 for alternative names without any.
    return false;
  }
}

function verifiedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) return false;
  try {
    return verify(digestFor(key), data, signingKey(key), signature);
  } catch {
    return false;
  }
}

/** Ed25519 and Ed448 hash by themselves; EC and RSA sign a SHA-256. */
function digestFor(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ed448' ? null : 'sha256';
}

/** RSA by PSS, as TLS 1.3 does; EC signatures are DER. */
function signingKey(key: KeyObject): KeyObject | { key: KeyObject; padding: number; saltLength: number } {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'rsa-pss') return key;
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'the private key cannot be read', { cause: error });
  }
}

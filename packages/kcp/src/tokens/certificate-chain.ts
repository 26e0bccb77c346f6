import { X509Certificate } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { readExtensions } from './certificate-extensions.js';

/** Leaf, intermediates and perhaps the root; longer ones are somebody playing. */
const MAX_CHAIN_CERTIFICATES = 6;
const SERVER_AUTH_OID = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE_OID = '2.5.29.37.0';
const PURPOSES = { server: SERVER_AUTH_OID, client: CLIENT_AUTH_OID } as const;
type Purpose = keyof typeof PURPOSES;

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in order. Throws ERR_KWIK_CREDENTIALS when it holds none or a broken one. */
export function parseCertificatesPem(pem: string): X509Certificate[] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw new KwikError('ERR_KWIK_CREDENTIALS', 'no certificate in the PEM text');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'a certificate in the PEM text cannot be read', { cause: error });
  }
}

export type ChainCheck =
  | { readonly ok: true; readonly leaf: X509Certificate }
  | { readonly ok: false; readonly reason: string };

/**
 * Whether a chain (DER, leaf first) leads to one of `anchors`: every certificate in date at `nowMs`, every issuer an
 * authority that signed the one before and may issue for `purpose` at this length, and the leaf one for `purpose`. A server
 * speaks for others, so its leaf must say that it is one (extended key usage), and must be no authority. A client may say
 * nothing. Neither may have a key that its certificate does not let sign. Node checks neither name constraints nor
 * revocation, so neither does this.
 */
export function checkChain(
  chain: readonly Uint8Array[],
  anchors: readonly X509Certificate[],
  purpose: Purpose,
  nowMs: number,
): ChainCheck {
  if (chain.length === 0) return refused('no certificate');
  if (chain.length > MAX_CHAIN_CERTIFICATES) return refused(`more than ${MAX_CHAIN_CERTIFICATES} certificates`);
  const certificates = parseDer(chain);
  const leaf = certificates?.[0];
  if (certificates === undefined || leaf === undefined) return refused('a certificate that cannot be read');
  const fault = leafFault(leaf, purpose);
  if (fault !== undefined) return refused(fault);
  return walkToAnchor(certificates, anchors, leaf, purpose, nowMs);
}

function leafFault(leaf: X509Certificate, purpose: Purpose): string | undefined {
  const extensions = readExtensions(leaf.raw);
  if (extensions === undefined) return 'a certificate that cannot be read';
  const { keyUsage } = extensions;
  if (purpose === 'server' && (leaf.ca || keyUsage?.keyCertSign === true)) return 'the certificate of an authority';
  const usages = extendedUsages(leaf);
  const absent = purpose === 'server' ? 'a certificate that does not say that it is for a server' : undefined;
  if (usages === undefined && absent !== undefined) return absent;
  if (usages?.includes(PURPOSES[purpose]) === false) return `a certificate not for a ${purpose}`;
  if (keyUsage?.digitalSignature === false) return 'a certificate whose key may not sign';
  return undefined;
}

/** OIDs; undefined when the extension is absent. Node calls it keyUsage. */
function extendedUsages(certificate: X509Certificate): string[] | undefined {
  return certificate.keyUsage;
}

function walkToAnchor(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  leaf: X509Certificate,
  purpose: Purpose,
  nowMs: number,
): ChainCheck {
  const mayIssue = (issuer: X509Certificate, subject: X509Certificate, between: number): boolean =>
    issued(issuer, subject) && authorityFor(issuer, purpose, between);
  for (const [index, certificate] of certificates.entries()) {
    if (!inDate(certificate, nowMs)) return refused('a certificate out of date');
    if (anchors.some((anchor) => anchor.raw.equals(certificate.raw))) return { ok: true, leaf };
    if (anchors.some((anchor) => inDate(anchor, nowMs) && mayIssue(anchor, certificate, index)))
      return { ok: true, leaf };
    const next = certificates[index + 1];
    if (next === undefined || !mayIssue(next, certificate, index)) break;
  }
  return refused('a certificate that no trusted authority signed');
}

/** Whether an authority may issue for the purpose, with so many other authorities between it and the leaf. */
function authorityFor(issuer: X509Certificate, purpose: Purpose, between: number): boolean {
  const usages = extendedUsages(issuer);
  if (usages !== undefined && !usages.includes(PURPOSES[purpose]) && !usages.includes(ANY_USAGE_OID)) return false;
  const extensions = readExtensions(issuer.raw);
  return extensions !== undefined && (extensions.pathLength ?? Infinity) >= between;
}

function parseDer(chain: readonly Uint8Array[]): X509Certificate[] | undefined {
  try {
    return chain.map((der) => new X509Certificate(der));
  } catch {
    return undefined;
  }
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    // A key of a kind that OpenSSL does not know.
    return false;
  }
}

function inDate(certificate: X509Certificate, nowMs: number): boolean {
  return Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
}

function refused(reason: string): ChainCheck {
  return { ok: false, reason };
}

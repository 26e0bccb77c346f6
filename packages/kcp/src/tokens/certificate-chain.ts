import { X509Certificate } from 'node:crypto';
import { KwikError } from '@kwik/wire';

/** Leaf, intermediates and perhaps the root; longer ones are somebody playing. */
export const MAX_CHAIN_CERTIFICATES = 6;
const SERVER_AUTH_OID = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';
const PURPOSES = { server: SERVER_AUTH_OID, client: CLIENT_AUTH_OID } as const;

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
 * authority that signed the one before, and the leaf meant for `purpose` where it says what it is meant for. Node
 * checks neither name constraints nor revocation, so neither does this.
 */
export function checkChain(
  chain: readonly Uint8Array[],
  anchors: readonly X509Certificate[],
  purpose: keyof typeof PURPOSES,
  nowMs: number,
): ChainCheck {
  if (chain.length === 0) return refused('no certificate');
  if (chain.length > MAX_CHAIN_CERTIFICATES) return refused(`more than ${MAX_CHAIN_CERTIFICATES} certificates`);
  const certificates = parseDer(chain);
  const leaf = certificates?.[0];
  if (certificates === undefined || leaf === undefined) return refused('a certificate that cannot be read');
  // What Node calls keyUsage is the extended key usage: a list of OIDs, or undefined when the extension is absent.
  const usages = leaf.keyUsage as string[] | undefined;
  if (usages !== undefined && !usages.includes(PURPOSES[purpose])) return refused(`a certificate not for a ${purpose}`);
  return walkToAnchor(certificates, anchors, leaf, nowMs);
}

function walkToAnchor(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  leaf: X509Certificate,
  nowMs: number,
): ChainCheck {
  for (const [index, certificate] of certificates.entries()) {
    if (!inDate(certificate, nowMs)) return refused('a certificate out of date');
    if (anchors.some((anchor) => anchor.raw.equals(certificate.raw))) return { ok: true, leaf };
    if (anchors.some((anchor) => inDate(anchor, nowMs) && issued(anchor, certificate))) return { ok: true, leaf };
    const next = certificates[index + 1];
    if (next === undefined || !issued(next, certificate)) break;
  }
  return refused('a certificate that no trusted authority signed');
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

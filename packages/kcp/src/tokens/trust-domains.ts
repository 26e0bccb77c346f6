import { X509Certificate } from 'node:crypto';
import { isSpiffeUri, KwikError, parseSpiffeId, svidName } from '@kwik/wire';
import { parseCertificatesPem } from './certificate-chain.js';

/** PEM of the authorities of each SPIFFE trust domain, by its name (`example.org`). */
export type TrustDomains = Readonly<Record<string, string>>;

/** Whom to ask for a certificate: those of the trust domain of its SPIFFE id, where these are given, or else all others. */
export class Authorities {
  readonly #others: readonly X509Certificate[];
  readonly #domains: ReadonlyMap<string, readonly X509Certificate[]> | undefined;
  /** PEM of all. */
  readonly pem: string;

  /** Throws ERR_KWIK_CREDENTIALS for what cannot be read, and ERR_KWIK_INVALID_ARGUMENT for what names no trust domain. */
  constructor(ca: string | undefined, trustDomains: TrustDomains | undefined) {
    this.#others = ca === undefined ? [] : parseCertificatesPem(ca);
    const domains = Object.entries(trustDomains ?? {});
    for (const [domain] of domains) checkTrustDomain(domain);
    this.#domains =
      trustDomains === undefined
        ? undefined
        : new Map(domains.map(([domain, pem]) => [domain, parseCertificatesPem(pem)]));
    this.pem = [ca ?? '', ...domains.map(([, pem]) => pem)].join('\n');
  }

  /** Of a chain (DER, leaf first): who may have issued it. An id that is none is nobody's, where trust domains are given. */
  of(chain: readonly Uint8Array[]): readonly X509Certificate[] {
    if (this.#domains === undefined) return this.#others;
    const svid = svidName(alternativeNames(chain[0]));
    if (svid.kind === 'none') return this.#others;
    if (svid.kind === 'fault') return [];
    return this.#domains.get(parseSpiffeId(svid.id).trustDomain) ?? [];
  }
}

function checkTrustDomain(domain: string): void {
  const { path } = parseSpiffeId(isSpiffeUri(domain) ? domain : `spiffe://${domain}`);
  if (path === '' && !isSpiffeUri(domain)) return;
  const text = `'${domain}' is no name of a trust domain: write it as in spiffe://NAME/…, without scheme and path`;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
}

/** Empty where there are none, or where they cannot be read; then the chain cannot be either. */
function alternativeNames(leaf: Uint8Array | undefined): string {
  try {
    return leaf === undefined ? '' : (new X509Certificate(leaf).subjectAltName ?? '');
  } catch {
    return '';
  }
}

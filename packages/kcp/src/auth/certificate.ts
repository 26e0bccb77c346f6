import type { X509Certificate } from 'node:crypto';
import { KwikError, svidName } from '@kwik/wire';
import { checkChain } from '../tokens/certificate-chain.js';
import { readExtensions } from '../tokens/certificate-extensions.js';
import { Authorities, type TrustDomains } from '../tokens/trust-domains.js';
import {
  type AuthDecision,
  type ClientAuthenticator,
  type ClientCertificate,
  NO_DATA,
  type ServerAuthenticator,
} from './authenticator.js';

const MECHANISM = 'certificate';

/** The client shows its certificate in the TLS handshake; the exchange only says that it did. */
export function certificateClientAuth(certificate: ClientCertificate): ClientAuthenticator {
  const exchange = { initial: () => NO_DATA, respond: () => NO_DATA, satisfied: () => true };
  return { mechanism: MECHANISM, certificate, begin: () => exchange };
}

export interface CertificateServerAuthOptions {
  /**
   * PEM of the authorities of clients. Checked here as well, because a resumed TLS session skips the check. May be left out where
   * `trustDomains` are given.
   */
  readonly ca?: string;
  /**
   * PEM of the authorities of SPIFFE trust domains, by their names. Where it is given, an id counts only when an authority of its own
   * domain issued it, and `ca` vouches for certificates without one alone.
   */
  readonly trustDomains?: TrustDomains;
  /** Whether this identity may open sessions. Default: everybody. */
  readonly allow?: (identity: string) => boolean;
}

/**
 * The identity is the SPIFFE id of the certificate (X509-SVID), else the first DNS name, URI, e-mail or IP address among its
 * alternative names, else its subject. A certificate that claims a SPIFFE id and is no SVID is refused, and so is one without any
 * of these. Throws ERR_KWIK_CREDENTIALS when `ca` cannot be read.
 */
export function certificateServerAuth(options: CertificateServerAuthOptions): ServerAuthenticator {
  const { ca, trustDomains } = options;
  if (ca === undefined && trustDomains === undefined) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'certificateServerAuth takes ca or trustDomains: whom to believe');
  }
  const authorities = new Authorities(ca, trustDomains);
  const allow = options.allow ?? (() => true);
  return {
    mechanism: MECHANISM,
    clientCa: authorities.pem,
    begin: ({ peerCertificates, nowMs }) => ({
      step: () => ({ kind: 'decided', decision: decide(peerCertificates, authorities, allow, nowMs) }),
    }),
  };
}

function decide(
  chain: readonly Uint8Array[],
  authorities: Authorities,
  allow: (identity: string) => boolean,
  nowMs: number,
): AuthDecision {
  const checked = checkChain(chain, authorities.of(chain), 'client', nowMs);
  if (!checked.ok) return { accepted: false };
  const identity = certificateIdentity(checked.leaf);
  return identity !== undefined && allow(identity) ? { accepted: true, identity } : { accepted: false };
}

/** Node writes alternative names as `DNS:a, URI:b`, and quotes, JSON-like, any value that could deceive. */
const ALTERNATIVE_NAME = /^(?:DNS|URI|email|IP Address):([^,"\s]+)$/;

/** Undefined where it claims a SPIFFE id, and is no SVID: then it is nobody, whatever other names it has. Also where it has no name. */
export function certificateIdentity(certificate: X509Certificate): string | undefined {
  const names = alternativeNames(certificate);
  const svid = svidName(names);
  if (svid.kind === 'id' && !mayVouch(certificate)) return svid.id;
  if (svid.kind !== 'none') return undefined;
  for (const entry of names.split(', ')) {
    const name = ALTERNATIVE_NAME.exec(entry)?.[1];
    if (name !== undefined) return name;
  }
  // Node has none, or an empty one, where the certificate has an empty one.
  const subject = certificate.subject as string | undefined;
  return subject === undefined || subject === '' ? undefined : subject.split('\n').join(', ');
}

/** X509-SVID, section 4: a workload's certificate signs no others, nor lists of revoked ones. */
function mayVouch(certificate: X509Certificate): boolean {
  const keyUsage = readExtensions(certificate.raw)?.keyUsage;
  return certificate.ca || keyUsage?.keyCertSign === true || keyUsage?.cRLSign === true;
}

/** Empty when there is none. Node 22 and later throw where the certificate has the extension with no name in it. */
function alternativeNames(certificate: X509Certificate): string {
  try {
    return certificate.subjectAltName ?? '';
  } catch {
    return '';
  }
}

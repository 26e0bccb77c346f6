import type { X509Certificate } from 'node:crypto';
import { checkChain, parseCertificatesPem } from '../tokens/certificate-chain.js';
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
  /** PEM of the authorities of clients. Checked here as well, because a resumed TLS session skips the check. */
  readonly ca: string;
  /** Whether this identity may open sessions. Default: everybody. */
  readonly allow?: (identity: string) => boolean;
}

/**
 * The identity is the first DNS name, URI, e-mail or IP address among the certificate's alternative names, else its
 * subject. Throws ERR_KWIK_CREDENTIALS when `ca` cannot be read.
 */
export function certificateServerAuth(options: CertificateServerAuthOptions): ServerAuthenticator {
  const anchors = parseCertificatesPem(options.ca);
  const allow = options.allow ?? (() => true);
  return {
    mechanism: MECHANISM,
    clientCa: options.ca,
    begin: ({ peerCertificates, nowMs }) => ({
      step: () => ({ kind: 'decided', decision: decide(peerCertificates, anchors, allow, nowMs) }),
    }),
  };
}

function decide(
  chain: readonly Uint8Array[],
  anchors: readonly X509Certificate[],
  allow: (identity: string) => boolean,
  nowMs: number,
): AuthDecision {
  const checked = checkChain(chain, anchors, 'client', nowMs);
  if (!checked.ok) return { accepted: false };
  const identity = certificateIdentity(checked.leaf);
  return allow(identity) ? { accepted: true, identity } : { accepted: false };
}

/** Node writes alternative names as `DNS:a, URI:b`, and quotes, JSON-like, any value that could deceive. */
const ALTERNATIVE_NAME = /^(?:DNS|URI|email|IP Address):([^,"\s]+)/;

export function certificateIdentity(certificate: X509Certificate): string {
  for (const entry of (certificate.subjectAltName ?? '').split(', ')) {
    const name = ALTERNATIVE_NAME.exec(entry)?.[1];
    if (name !== undefined) return name;
  }
  return certificate.subject.split('\n').join(', ');
}

import { createHash, X509Certificate } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { readPem } from '../serve/credentials.js';
import { oneLine } from '../ui/text.js';
import type { CertificateEvidence } from './evidence.js';

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/gu;
const DAY_MS = 86_400_000;
/** A bundle of a system's authorities has some 150. */
const MAX_CERTIFICATES = 500;

/** What stands in PEM files of certificates. Rejects with ERR_KWIK_LOCAL_FILE or ERR_KWIK_CREDENTIALS, which names the file. */
export async function readCertificateFiles(files: readonly string[], nowMs: number): Promise<CertificateEvidence[]> {
  const found: CertificateEvidence[] = [];
  for (const file of files) {
    const blocks = (await readPem('--cert', file)).match(BLOCK) ?? [];
    if (blocks.length === 0) {
      throw new KwikError(
        'ERR_KWIK_CREDENTIALS',
        `--cert ${file} holds no certificate; give the certificate, not its key`,
      );
    }
    for (const block of blocks) {
      if (found.length === MAX_CERTIFICATES) {
        throw new KwikError(
          'ERR_KWIK_INVALID_ARGUMENT',
          `more than ${MAX_CERTIFICATES} certificates; give fewer files`,
        );
      }
      found.push(certificateEvidence(file, block, nowMs));
    }
  }
  return found;
}

function certificateEvidence(file: string, pem: string, nowMs: number): CertificateEvidence {
  try {
    const certificate = new X509Certificate(pem);
    const { publicKey } = certificate;
    const from = Date.parse(certificate.validFrom);
    const until = Date.parse(certificate.validTo);
    return {
      file,
      subject: nameText(certificate.subject),
      issuer: nameText(certificate.issuer),
      names: alternativeNames(certificate),
      authority: certificate.ca,
      key: keyText(publicKey),
      pin: createHash('sha256')
        .update(publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex'),
      fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
      from: new Date(from).toISOString(),
      until: new Date(until).toISOString(),
      ageDays: Math.floor((nowMs - from) / DAY_MS),
      daysLeft: Math.floor((until - nowMs) / DAY_MS),
    };
  } catch (cause) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', `--cert ${file} holds a certificate that cannot be read`, { cause });
  }
}

/** Node has none, or an empty one, for a name that is empty, as the subject of a SPIFFE certificate may be. */
function nameText(name: string | undefined): string {
  return oneLine((name ?? '').replaceAll('\n', ', ')) || 'none';
}

/** Node 22 and later throw where the extension is there with no name in it. */
function alternativeNames(certificate: X509Certificate): string {
  try {
    return oneLine(certificate.subjectAltName ?? '');
  } catch {
    return '';
  }
}

function keyText({ asymmetricKeyType: type, asymmetricKeyDetails: details }: X509Certificate['publicKey']): string {
  const size =
    details?.namedCurve ?? (details?.modulusLength === undefined ? undefined : `${details.modulusLength} bits`);
  return size === undefined ? (type ?? 'unknown') : `${type ?? 'unknown'}, ${size}`;
}

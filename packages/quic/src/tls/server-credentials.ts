import { createPrivateKey, type KeyObject } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { readCertificates } from './certificate-check.js';

/** The leaf, DER. Throws `ERR_KWIK_CREDENTIALS` unless `certPem` and `keyPem` can be used and belong together. */
export function checkKeyPair(certPem: string, keyPem: string): Uint8Array {
  requireText(certPem, 'certPem');
  requireText(keyPem, 'keyPem');
  const leaf = readCertificates(certPem, 'certPem')[0];
  const key = readKey(keyPem);
  const unusable = unusableKind(key);
  if (unusable !== undefined) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      `TLS cannot sign with ${unusable}; use a key of Ed25519, ECDSA (P-256, P-384, P-521) or RSA (2048 bits or more)`,
    );
  }
  if (leaf?.checkPrivateKey(key) === true) return new Uint8Array(leaf.raw);
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `the private key does not belong to the certificate of "${leaf?.subject.replaceAll('\n', ', ') ?? ''}"; ` +
      'the certificate of the server itself must come first in certPem',
  );
}

/** Programs that no compiler has read hand over what `readFileSync` gives, or nothing. */
function requireText(pem: unknown, what: string): void {
  if (typeof pem === 'string') return;
  const given = pem instanceof Uint8Array ? 'bytes' : typeof pem;
  throw new KwikError('ERR_KWIK_CREDENTIALS', `${what} is ${given}; PEM text is needed, a string`);
}

const ENCRYPTED = /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m;

function readKey(keyPem: string): KeyObject {
  try {
    return createPrivateKey(keyPem);
  } catch {
    // The cause may quote the input, and the input is a secret.
    throw new KwikError('ERR_KWIK_CREDENTIALS', keyProblem(keyPem));
  }
}

function keyProblem(keyPem: string): string {
  if (ENCRYPTED.test(keyPem)) {
    return 'keyPem is encrypted, and nobody is asked for a passphrase here; decrypt it with: openssl pkey -in KEY -out PLAIN';
  }
  if (!keyPem.includes('PRIVATE KEY-----') && keyPem.includes('-----BEGIN ')) {
    return 'keyPem holds no private key but something else; were certificate and key exchanged?';
  }
  return 'keyPem cannot be read: an unencrypted private key as PEM text ("BEGIN PRIVATE KEY") is needed';
}

/** RFC 8446, section 4.2.3, as far as BoringSSL signs. */
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
/** What the shortest signature (RSA-PSS with SHA-256) fits in with room; clients may ask for more. */
const MIN_RSA_BITS = 1024;

/** What the key is, if no handshake can be signed with it: better said at the start than by each client. */
function unusableKind({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  switch (type) {
    case 'ed25519':
      return undefined;
    case 'ec':
      return CURVES.has(details?.namedCurve) ? undefined : `an ECDSA key on the curve ${details?.namedCurve}`;
    case 'rsa':
      return (details?.modulusLength ?? 0) >= MIN_RSA_BITS ? undefined : `an RSA key of ${details?.modulusLength} bits`;
    default:
      return `a key of the kind ${type}`;
  }
}

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import { readCertificates } from './certificate-check.js';

/** The leaf, DER. Throws `ERR_KWIK_CREDENTIALS` unless `certPem` and `keyPem` can be read and belong together. */
export function checkKeyPair(certPem: string, keyPem: string): Uint8Array {
  const leaf = readCertificates(certPem, 'certPem')[0];
  if (leaf?.checkPrivateKey(readKey(keyPem)) === true) return new Uint8Array(leaf.raw);
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `the private key does not belong to the certificate of "${leaf?.subject.replaceAll('\n', ', ') ?? ''}"; ` +
      'the certificate of the server itself must come first in certPem',
  );
}

function readKey(keyPem: string): KeyObject {
  try {
    return createPrivateKey(keyPem);
  } catch {
    // The cause may quote the input, and the input is a secret.
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      'keyPem cannot be read: an unencrypted private key as PEM text ("BEGIN PRIVATE KEY") is needed',
    );
  }
}

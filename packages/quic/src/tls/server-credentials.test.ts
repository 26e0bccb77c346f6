import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Issued, makeAuthority } from '../test-support/certificates.js';
import { checkKeyPair } from './server-credentials.js';

let own: Issued;
beforeAll(async () => {
  own = await (await makeAuthority()).issue();
});

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function problem(keyPem: string, certPem = own.certPem): unknown {
  try {
    checkKeyPair(certPem, keyPem);
    return undefined;
  } catch (error) {
    return error;
  }
}

function credentialsError(pattern: RegExp): unknown {
  return expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS', message: expect.stringMatching(pattern) });
}

describe('a key pair', () => {
  test('that belongs together is taken, also with a byte order mark before it', () => {
    expect(problem(own.keyPem)).toBeUndefined();
    expect(problem(`\uFEFF${own.keyPem}`, `\uFEFF${own.certPem}`)).toBeUndefined();
  });

  test.each<[string, () => KeyObject, RegExp]>([
    ['Ed448', () => generateKeyPairSync('ed448').privateKey, /cannot sign with a key of the kind ed448; use/u],
    ['X25519', () => generateKeyPairSync('x25519').privateKey, /a key of the kind x25519/u],
    [
      'secp256k1',
      () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
      /an ECDSA key on the curve secp256k1/u,
    ],
    ['RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey, /the kind rsa-pss/u],
    ['512 bits of RSA', () => generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey, /an RSA key of 512 bits/u],
  ])('that no handshake can be signed with is refused at the start: %s', (_name, make, pattern) => {
    expect(problem(pem(make()))).toEqual(credentialsError(pattern));
  });

  test.each<[string, () => string, RegExp]>([
    ['of another certificate', () => pem(generateKeyPairSync('ed25519').privateKey), /does not belong to/u],
    [
      'that is encrypted',
      () =>
        generateKeyPairSync('ed25519')
          .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
          .toString(),
      /encrypted.*openssl pkey/u,
    ],
    [
      'that is encrypted as OpenSSL used to',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'P-256' })
          .privateKey.export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
          .toString(),
      /encrypted.*openssl pkey/u,
    ],
    ['in whose place the certificate is', () => own.certPem, /were certificate and key exchanged/u],
    ['in whose place nothing of the kind is', () => 'nonsense', /cannot be read/u],
  ])('with a key %s: what to do is said, and nothing of the key', (_name, keyPem, pattern) => {
    expect(problem(keyPem())).toEqual(credentialsError(pattern));
  });
});

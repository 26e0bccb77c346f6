import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A certificate with its key, as PEM. */
export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface IssueOptions {
  /** Names and IP addresses it is for; default `localhost`, `127.0.0.1` and `::1`. */
  readonly names?: readonly string[];
  /** URIs that it is for besides. */
  readonly uris?: readonly string[];
  /** With the extension that lists names, though `names` is empty. */
  readonly emptyNames?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly usage?: 'server' | 'client';
  readonly commonName?: string;
  /** Of its key; P-256 unless told. */
  readonly key?: KeyKind;
}

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | 'RSA';

/** An authority for tests: makes certificates at once, trusts nobody else. */
export interface TestAuthority {
  readonly certPem: string;
  issue(options?: IssueOptions): Promise<Issued>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
type Algorithm = {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: Uint8Array;
};
const KEYS: Readonly<Record<KeyKind, Algorithm>> = {
  'P-256': ALGORITHM,
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'P-521': { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  Ed25519: { name: 'Ed25519' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
};
const DAY_MS = 86_400_000;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const NUMERIC = /^[0-9.]+$|^[0-9a-f]*:[0-9a-f:]*$/;

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export async function makeAuthority(commonName = 'KWIK test authority'): Promise<TestAuthority> {
  const keys = await makeKeys();
  const name = `CN=${commonName}`;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  let serial = 1;
  return {
    certPem: authority.toString('pem'),
    async issue(options: IssueOptions = {}): Promise<Issued> {
      serial += 1;
      const own = await makeKeys(options.key);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(4, '0'),
        subject: `CN=${options.commonName ?? 'kwik test'}`,
        issuer: name,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        ...leafFields(options),
      });
      return { certPem: certificate.toString('pem'), keyPem: await keyPem(own) };
    },
  };
}

/** A certificate that nobody but its own key vouches for. */
export async function makeSelfSigned(options: IssueOptions = {}): Promise<Issued> {
  const keys = await makeKeys(options.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${options.commonName ?? 'kwik self-signed'}`,
    signingAlgorithm: KEYS[options.key ?? 'P-256'],
    keys,
    ...leafFields(options),
  });
  return { certPem: certificate.toString('pem'), keyPem: await keyPem(keys) };
}

function leafFields(options: IssueOptions): { notBefore: Date; notAfter: Date; extensions: x509.Extension[] } {
  const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
  const extensions: x509.Extension[] = [
    new x509.ExtendedKeyUsageExtension([options.usage === 'client' ? CLIENT_AUTH : SERVER_AUTH]),
  ];
  const uris = options.uris ?? [];
  if (names.length + uris.length > 0 || options.emptyNames === true) {
    const entries = names.map((value) => ({ type: NUMERIC.test(value) ? ('ip' as const) : ('dns' as const), value }));
    const ids = uris.map((value) => ({ type: 'url' as const, value }));
    extensions.push(new x509.SubjectAlternativeNameExtension([...entries, ...ids]));
  }
  return {
    notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 90 * DAY_MS),
    extensions,
  };
}

async function makeKeys(kind: KeyKind = 'P-256'): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEYS[kind], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

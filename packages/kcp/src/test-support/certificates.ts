import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { NOW_MS } from './sessions.js';

export type KeyKind = 'ec' | 'rsa' | 'rsa1024' | 'ed25519';

const DAY_MS = 86_400_000;
const USAGE = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth } as const;

export interface CertificateOptions {
  /** Common name; '': the subject is empty. */
  readonly name?: string;
  readonly key?: KeyKind;
  /** Extended key usage. Default: `server` for a leaf, none for an authority. */
  readonly usage?: keyof typeof USAGE | 'none';
  /** Bits of `x509.KeyUsageFlags`; without, the certificate has no key usage. */
  readonly keyUsage?: number;
  /** Of an authority. */
  readonly pathLength?: number;
  readonly notAfterMs?: number;
  readonly notBeforeMs?: number;
  readonly ca?: boolean;
  /** Alternative names in place of the DNS name `name`. */
  readonly names?: x509.JsonGeneralNames;
}

export interface Issued {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
  issue(options?: CertificateOptions): Promise<Issued>;
}

/** A certificate authority with its own root, valid around NOW_MS. */
export async function makeAuthority(name: string, options: CertificateOptions = {}): Promise<Issued> {
  return issue(undefined, { ca: true, name, ...options });
}

interface Issuer {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
  readonly kind: KeyKind;
}

async function issue(issuer: Issuer | undefined, options: CertificateOptions): Promise<Issued> {
  const { name = 'localhost', key = 'ec', ca = false, keyUsage } = options;
  const usage = options.usage ?? (ca ? 'none' : 'server');
  const keys = await makeKeys(key);
  const own: Issuer = { keys, subject: name === '' ? '' : `CN=${name}`, kind: key };
  const signer = issuer ?? own;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: webcrypto.randomUUID().replaceAll('-', '').slice(1),
      subject: own.subject,
      issuer: signer.subject,
      notBefore: new Date(options.notBeforeMs ?? NOW_MS - DAY_MS),
      notAfter: new Date(options.notAfterMs ?? NOW_MS + DAY_MS),
      signingAlgorithm: algorithmOf(signer.kind),
      publicKey: keys.publicKey,
      signingKey: signer.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(ca, options.pathLength, true),
        ...(keyUsage === undefined ? [] : [keyUsageExtension(keyUsage)]),
        ...(usage === 'none' ? [] : [new x509.ExtendedKeyUsageExtension([USAGE[usage]])]),
        ...(ca ? [] : [new x509.SubjectAlternativeNameExtension(options.names ?? [{ type: 'dns', value: name }])]),
      ],
    },
    webcrypto,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificatePem: certificate.toString('pem'),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    der: new Uint8Array(certificate.rawData),
    issue: (further = {}) => issue(own, further),
  };
}

function keyUsageExtension(flags: number): x509.KeyUsagesExtension {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- several flags of the enum together are a number
  return new x509.KeyUsagesExtension(flags, true);
}

function algorithmOf(kind: KeyKind) {
  switch (kind) {
    case 'ec':
      return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    case 'rsa':
    case 'rsa1024':
      return {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        modulusLength: kind === 'rsa' ? 2_048 : 1_024,
        publicExponent: new Uint8Array([1, 0, 1]),
      };
    case 'ed25519':
      return { name: 'Ed25519' };
  }
}

async function makeKeys(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithmOf(kind), true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

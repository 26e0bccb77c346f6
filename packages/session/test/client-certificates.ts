import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

interface IssueOptions {
  readonly usage?: 'client' | 'server';
  /** In place of the name, which is one of DNS. */
  readonly names?: x509.JsonGeneralNames;
}

export interface ClientAuthority {
  /** PEM. */
  readonly ca: string;
  issue(name: string, options?: IssueOptions): Promise<{ cert: string; key: string }>;
}

/** Makes certificates, for clients unless told, good for an hour. */
export async function makeClientAuthority(name: string): Promise<ClientAuthority> {
  const keys = await makeKeys();
  const dates = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: '01',
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    ca: authority.toString('pem'),
    issue: async (client, { usage = 'client', names = [{ type: 'dns', value: client }] } = {}) => {
      const own = await makeKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        ...dates,
        serialNumber: '02',
        subject: 'CN=client',
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[`${usage}Auth`]]),
          new x509.SubjectAlternativeNameExtension(names),
        ],
      });
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
    },
  };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

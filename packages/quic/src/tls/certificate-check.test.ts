import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { makeAuthority } from '../test-support/certificates.js';
import { ParsedCertificates } from './parsed-certificates.js';
import { certificateProblem, refusedByTls, type ResolvedTrust } from './certificate-check.js';

const PINNED: ResolvedTrust = {
  caPem: undefined,
  authorities: () => [],
  pins: ['0'.repeat(64)],
  requiredPin: undefined,
  name: 'localhost',
  parsed: new ParsedCertificates(),
};
/** What stands before the point of a P-256 key: BIT STRING, length, no unused bits, uncompressed. */
const POINT = Buffer.from([0x03, 0x42, 0x00, 0x04]);

// Found by `pnpm fuzz --target server-certificate`.
describe('a certificate whose public key cannot be read', () => {
  let chain: Uint8Array[];

  beforeAll(async () => {
    const { certPem } = await (await makeAuthority()).issue();
    const der = Buffer.from(new X509Certificate(certPem).raw);
    der[der.indexOf(POINT) + 3] = 0x7f;
    chain = [der];
  });

  test('is one that Node takes, and only its key is not', () => {
    const [der] = chain;
    expect(() => new X509Certificate(der!).publicKey).toThrow('decode error');
  });

  test('is refused where a pin is asked for, and throws nothing', () => {
    expect(certificateProblem(chain, PINNED, false, Date.now())).toBe('its public key cannot be read');
    expect(refusedByTls(chain, PINNED, 42, 'an alert', Date.now())).toBe('its public key cannot be read');
  });
});

test('a certificate with an empty list of names is for nobody, on each release of Node', async () => {
  const authority = await makeAuthority();
  const { certPem } = await authority.issue({ names: [], emptyNames: true });
  const trust = { ...PINNED, pins: [], caPem: Buffer.from(authority.certPem) };
  expect(certificateProblem([new X509Certificate(certPem).raw], trust, true, Date.now())).toBe(
    'it is not for "localhost" but for: no subject alternative names at all; dial one of these, or have localhost added ' +
      'to the certificate',
  );
});

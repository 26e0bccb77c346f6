import 'reflect-metadata';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { makeAuthority, makeServerCertificate } from './certificates.js';
import { bitString, childrenOf, element, field, integer, objectId, sequence, TAG, time } from './der.js';

const DAY_MS = 24 * 3600 * 1000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('a certificate of development', () => {
  test('of an authority says what one is, signs itself, and has the key that comes with it', async () => {
    const { certPem, keyPem } = await makeAuthority('Ünsere authority', 365);
    const made = new X509Certificate(certPem);
    expect(made).toMatchObject({ ca: true, subject: 'CN=Ünsere authority', issuer: 'CN=Ünsere authority' });
    expect([made.verify(made.publicKey), made.checkIssued(made)]).toEqual([true, true]);
    expect(createPublicKey(keyPem).equals(made.publicKey)).toBe(true);
    const read = new x509.X509Certificate(certPem);
    const keyId = await x509.SubjectKeyIdentifierExtension.create(read.publicKey);
    expect(read.extensions.map(({ rawData }) => hex(new Uint8Array(rawData)))).toEqual(
      [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        keyId,
      ].map(({ rawData }) => hex(new Uint8Array(rawData))),
    );
  });

  test('of a server is for its names, is signed by the authority, and says no more than a library would', async () => {
    const authority = await makeAuthority('authority', 365);
    const names = ['localhost', '127.0.0.1', '::1', '2001:db8::ff:0:1', 'a.example'];
    const { certPem, keyPem } = await makeServerCertificate(authority, names, 30);
    const [made, issuer] = [new X509Certificate(certPem), new X509Certificate(authority.certPem)];
    expect(made).toMatchObject({ ca: false, subject: 'CN=kwik server', issuer: 'CN=authority' });
    expect([made.verify(issuer.publicKey), made.checkIssued(issuer)]).toEqual([true, true]);
    expect(createPublicKey(keyPem).equals(made.publicKey)).toBe(true);
    for (const name of ['localhost', 'a.example']) expect(made.checkHost(name)).toBe(name);
    for (const name of names.slice(1, 4)) expect(made.checkIP(name)).toBe(name);
    expect([made.checkHost('b.example'), made.checkIP('::2')]).toEqual([undefined, undefined]);
    expect(new x509.X509Certificate(certPem).extensions.map(({ rawData }) => hex(new Uint8Array(rawData)))).toEqual(
      [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: /^[\d.]+$|:/u.test(value) ? ('ip' as const) : ('dns' as const), value })),
        ),
      ].map(({ rawData }) => hex(new Uint8Array(rawData))),
    );
  });

  test.each(['::', 'fe80::1', '1:2:3:4:5:6:7:8', '::ffff:10.1.2.3', '1::8', '1:0:3::'])(
    'is for the address %s',
    async (address) => {
      const { certPem } = await makeServerCertificate(await makeAuthority('authority', 365), [address], 30);
      expect(new X509Certificate(certPem).checkIP(address)).toBe(address);
    },
  );

  test('is good from an hour ago until the days are over, and no two have the same number', async () => {
    const beforeMs = Date.now();
    const authority = await makeAuthority('authority', 365);
    const all = await Promise.all([1, 2].map(() => makeServerCertificate(authority, ['localhost'], 30)));
    const [one, other] = all.map(({ certPem }) => new X509Certificate(certPem));
    const afterMs = Date.now();
    // To the second.
    const [from, until] = [one!.validFrom, one!.validTo].map((text) => new Date(text).getTime());
    expect(from).toBeGreaterThanOrEqual(beforeMs - 3_600_000 - 1000);
    expect(from).toBeLessThanOrEqual(afterMs - 3_600_000);
    expect(until! - from!).toBe(30 * DAY_MS + 3_600_000);
    expect(one!.serialNumber).toMatch(/^[0-9A-F]{32}$/u);
    expect(one!.serialNumber).not.toBe(other!.serialNumber);
  });

  test('of an authority that a library made before is signed under the name that stands in it', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const before = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=KWIK development authority, O=somebody',
      keys,
      signingAlgorithm: algorithm,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    const keyPem = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    const authority = { certPem: before.toString('pem'), keyPem };
    const made = new X509Certificate((await makeServerCertificate(authority, ['localhost'], 30)).certPem);
    const issuer = new X509Certificate(authority.certPem);
    expect([made.verify(issuer.publicKey), made.checkIssued(issuer)]).toEqual([true, true]);
  });
});

describe('DER', () => {
  test.each([
    [sequence(), '3000'],
    [integer(Uint8Array.of(0)), '020100'],
    [integer(Uint8Array.of(0, 0, 0x7f)), '02017f'],
    [integer(Uint8Array.of(0x80)), '02020080'],
    [bitString(Uint8Array.of(0x80), 7), '03020780'],
    [objectId('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    [field(3, 'others', sequence()), 'a3023000'],
    [field(2, 'bytes', Buffer.from('a')), '820161'],
    [time(new Date('2026-01-02T03:04:05.678Z')), `170d${Buffer.from('260102030405Z').toString('hex')}`],
    [time(new Date('2049-12-31T23:59:59Z')), `170d${Buffer.from('491231235959Z').toString('hex')}`],
    [time(new Date('2050-01-01T00:00:00Z')), `180f${Buffer.from('20500101000000Z').toString('hex')}`],
  ])('is as X.690 and RFC 5280 have it: %#', (der, digits) => {
    expect(hex(der)).toBe(digits);
  });

  test('whatever stands in an element is found there again, of any length', () => {
    const contents = fc.array(fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 120, maxLength: 70_000 })), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(contents, (all) => {
        const elements = all.map((bytes) => element(TAG.octetString, bytes));
        expect(childrenOf(sequence(...elements)).map(hex)).toEqual(elements.map(hex));
      }),
      { numRuns: 50 },
    );
  });
});

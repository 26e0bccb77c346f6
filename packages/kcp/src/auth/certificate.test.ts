import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Issued, makeAuthority } from '../test-support/certificates.js';
import { shakeHands } from '../test-support/pair.js';
import { NOW_MS, makeClient, makeServer } from '../test-support/sessions.js';
import { certificateClientAuth, certificateServerAuth } from './certificate.js';

const SIGNS: number = x509.KeyUsageFlags.digitalSignature;
const url = (value: string) => ({ type: 'url' as const, value });

describe('client certificate', () => {
  let root: Issued;

  beforeAll(async () => {
    root = await makeAuthority('clients');
  });

  async function open(chain: readonly Uint8Array[], allow?: (identity: string) => boolean) {
    const auth = [certificateServerAuth({ ca: root.certificatePem, ...(allow && { allow }) })];
    const server = makeServer({ auth, peerCertificates: chain });
    return (await shakeHands(makeClient({ auth: [certificateClientAuth({ cert: '', key: '' })] }), server)).server;
  }

  test.each([
    ['a DNS name', [{ type: 'dns', value: 'alice.example' }], 'alice.example'],
    ['an e-mail address', [{ type: 'email', value: 'alice@example.org' }], 'alice@example.org'],
    ['a URI', [{ type: 'url', value: 'spiffe://example/alice' }], 'spiffe://example/alice'],
    ['no alternative name', [], 'CN=alice'],
    [
      'its SPIFFE id, whatever else it is called',
      [
        { type: 'dns', value: 'alice.example' },
        { type: 'url', value: 'spiffe://example.org/alice' },
      ],
      'spiffe://example.org/alice',
    ],
    [
      'a name that is whole, where the one before is not',
      [
        { type: 'dns', value: 'admin.example evil' },
        { type: 'dns', value: 'alice.example' },
      ],
      'alice.example',
    ],
  ] as const)('the identity comes from the certificate: %s', async (_what, names, identity) => {
    const { der } = await root.issue({ name: 'alice', usage: 'client', names: [...names] });
    expect(await open([der])).toMatchObject({ mechanism: 'certificate', identity });
  });

  const ID = 'spiffe://example.org/admin';
  test.each<[string, NonNullable<Parameters<Issued['issue']>[0]>]>([
    ['a second URI', { names: [url(ID), url('spiffe://example.org/alice')] }],
    ['a URI of another kind beside it', { names: [url('https://example.org/'), url(ID)] }],
    ['an id that is a name of DNS', { names: [{ type: 'dns', value: ID }] }],
    ['an id that is an e-mail address', { names: [{ type: 'email', value: ID }] }],
    [
      'an id as name of DNS beside a true one',
      { names: [url('spiffe://example.org/alice'), { type: 'dns', value: ID }] },
    ],
    ['the id of a trust domain', { names: [url('spiffe://example.org')] }],
    ['a scheme in upper case', { names: [url('SPIFFE://example.org/admin')] }],
    ['a trust domain in upper case', { names: [url('spiffe://Example.org/admin')] }],
    ['a port', { names: [url('spiffe://example.org:1/admin')] }],
    ['a user', { names: [url('spiffe://a@example.org/admin')] }],
    ['a query', { names: [url(`${ID}?x`)] }],
    ['a fragment', { names: [url(`${ID}#x`)] }],
    ['a slash at the end', { names: [url(`${ID}/`)] }],
    ['dot segments', { names: [url('spiffe://example.org/a/../admin')] }],
    ['more behind a space', { names: [url(`${ID} x`)] }],
    ['more behind a comma', { names: [url(`${ID}, URI:x`)] }],
    ['a zero in it', { names: [url(`${ID}\u0000.evil`)] }],
    ['more than 2048 bytes', { names: [url(`spiffe://example.org/${'a'.repeat(2048)}`)] }],
    ['the right to sign others', { names: [url(ID)], keyUsage: SIGNS | x509.KeyUsageFlags.keyCertSign }],
    ['the right to revoke others', { names: [url(ID)], keyUsage: SIGNS | x509.KeyUsageFlags.cRLSign }],
  ])('that claims a SPIFFE id and has %s is nobody', async (_what, options) => {
    const { der } = await root.issue({ name: 'alice', usage: 'client', ...options });
    await expect(open([der])).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
  });

  test('no certificate, one of another authority, one out of date, one for servers, one that may not sign: refused', async () => {
    const other = await makeAuthority('others');
    const refusedOnes = await Promise.all([
      other.issue({ usage: 'client' }),
      root.issue({ usage: 'client', notAfterMs: NOW_MS - 1_000 }),
      root.issue({ usage: 'server' }),
      root.issue({ usage: 'client', keyUsage: x509.KeyUsageFlags.keyEncipherment }),
    ]);
    for (const chain of [[], ...refusedOnes.map(({ der }) => [der])]) {
      await expect(open(chain)).rejects.toMatchObject({
        code: 'ERR_KWIK_AUTH_FAILED',
        message: 'authentication by certificate was refused',
      });
    }
  });

  test('a certificate that names nobody is nobody', async () => {
    const { der } = await root.issue({ name: '', names: [], usage: 'client' });
    await expect(open([der])).rejects.toMatchObject({
      code: 'ERR_KWIK_AUTH_FAILED',
      message: 'authentication by certificate was refused',
    });
  });

  test('an identity that is not allowed is refused', async () => {
    const { der } = await root.issue({ name: 'mallory', usage: 'client' });
    await expect(open([der], (identity) => identity !== 'mallory')).rejects.toMatchObject({
      code: 'ERR_KWIK_AUTH_FAILED',
    });
  });
});

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Issued, makeAuthority } from '../test-support/certificates.js';
import { shakeHands } from '../test-support/pair.js';
import { NOW_MS, makeClient, makeServer } from '../test-support/sessions.js';
import { certificateClientAuth, certificateServerAuth } from './certificate.js';

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
  ] as const)('the identity comes from the certificate: %s', async (_what, names, identity) => {
    const { der } = await root.issue({ name: 'alice', usage: 'client', names: [...names] });
    expect(await open([der])).toMatchObject({ mechanism: 'certificate', identity });
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

  test('an identity that is not allowed is refused', async () => {
    const { der } = await root.issue({ name: 'mallory', usage: 'client' });
    await expect(open([der], (identity) => identity !== 'mallory')).rejects.toMatchObject({
      code: 'ERR_KWIK_AUTH_FAILED',
    });
  });
});

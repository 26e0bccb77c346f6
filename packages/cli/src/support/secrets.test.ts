import { expect, test } from '@jest/globals';
import { secretValues, shownSettings, withoutSecrets } from './secrets.js';

const PEM = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBhunter2\n-----END EC PRIVATE KEY-----';

test.each([
  [PEM, 'MHcCAQEEIB'],
  [JSON.stringify({ key: PEM }), 'MHcCAQEEIB'],
  ['-----BEGIN PRIVATE KEY-----\nMHcCAQEEIB cut off', 'MHcCAQEEIB'],
  ['Authorization: Bearer abcdef123456', 'abcdef123456'],
  ['cannot reach https://me:hunter22@registry.example/x', 'hunter22'],
  ["argument 'etcd:me:hunter22@127.0.0.1:2379' is invalid", 'hunter22'],
  ['GET /login?token=abcdef123456&x=1', 'abcdef123456'],
  ['-----BEGIN PGP PRIVATE KEY BLOCK-----\nMHcCAQEEIB\n-----END PGP PRIVATE KEY BLOCK-----', 'MHcCAQEEIB'],
  ['etcd+https://me:p@ss-hunter22@etcd.example:2379', 'hunter22'],
  ["https://me:it's-hunter22@etcd.example", 'hunter22'],
  [`https://${'u'.repeat(500)}:hunter22@etcd.example`, 'hunter22'],
  ['the answer was {"access_token":"abcdef123456","n":1}', 'abcdef123456'],
  [JSON.stringify({ message: '{"password": "abc\\"def123456"}' }), 'def123456'],
  ["password='abcdef 123456' host=a", 'abcdef 123456'],
  ['connecting with user=me password=abcdef123456 failed', 'abcdef123456'],
  ['Set-Cookie: kwik-admin=abcdef123456; Secure', 'abcdef123456'],
  ['X-Api-Key: abcdef123456', 'abcdef123456'],
  ['Authorization: Negotiate abcdef123456==', 'abcdef123456'],
  ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl is old', 'c2lnbmF0dXJl'],
  ['https://a.example/x?sig=abcdef123456', 'abcdef123456'],
])('%j loses its secret', (text, secret) => {
  expect(withoutSecrets(text)).not.toContain(secret);
  expect(withoutSecrets(text)).toContain('[removed]');
});

test('what is no secret stays', () => {
  for (const text of [
    'path 1 to https://[2001:db8::1]:4433/a@b is dead: no answer; -----BEGIN CERTIFICATE-----',
    'kwik_tokens_total{result="refused"} 3',
    'the token of path 2 is refused (ERR_KWIK_TOKEN_EXPIRED): it expired 3 s ago',
    '{"token":{"accepted":1},"authenticated":true,"keyPackets":70}',
  ]) {
    expect(withoutSecrets(text)).toBe(text);
  }
});

test('values of variables with telling names are removed wherever they stand, escaped ones too', () => {
  const known = secretValues({
    KWIK_ADMIN_TOKEN: 'se"cret\\1',
    KWIK_REGISTRY_TOKENS: 'first-one,second-one',
    HOME: '/root',
  });
  expect(withoutSecrets('a se"cret\\1 b second-one c /root', known)).toBe('a [removed] b [removed] c /root');
  expect(withoutSecrets(JSON.stringify({ x: 'se"cret\\1' }), known)).toBe('{"x":"[removed]"}');
  const [secret = ''] = secretValues({ KWIK_ETCD_PASSWORD: 'p w/d+1=ü' });
  for (const form of ['base64', 'base64url', 'hex'] as const) {
    expect(withoutSecrets(Buffer.from(secret).toString(form), [secret])).toBe('[removed]');
  }
  expect(withoutSecrets(JSON.stringify(JSON.stringify({ x: 'se"cret\\1' })), known)).not.toContain('cret');
  expect(withoutSecrets(`/x?y=${encodeURIComponent(secret)}`, [secret])).toBe('/x?y=[removed]');
  // A short value would stand in innocent words.
  expect(secretValues({ KWIK_ADMIN_TOKEN: 'abc' })).toEqual([]);
});

test('settings are shown without the members that hold secrets', () => {
  const settings = {
    listen: 'a:1',
    adminToken: 'x',
    nested: [{ password: 'y', key: '/etc/key.pem' }],
    n: 1,
    none: null,
  };
  expect(shownSettings(settings)).toEqual({
    listen: 'a:1',
    adminToken: '[removed]',
    nested: [{ password: '[removed]', key: '/etc/key.pem' }],
    n: 1,
    none: null,
  });
});

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { KwikError } from '@kwik/wire';
import { type Issued, type KeyKind, makeAuthority } from '../test-support/certificates.js';
import { NOW_MS, SECONDARY, makeSessionKeys, makeSigner, tokenFields } from '../test-support/sessions.js';
import { delegate } from './delegation.js';
import { issuePathToken, verifyPathToken } from './path-token.js';
import { Ed25519Signer } from './signer.js';
import { SignerTrust, type TrustPolicy } from './trust.js';
import { UsedTokens } from './used-tokens.js';

const keys = makeSessionKeys();
const SIGN = x509.KeyUsageFlags.digitalSignature;
const HOUR_MS = 3_600_000;

/** What a server with this policy says to a token whose signer is delegated by `leaf`. */
function verdict(trust: TrustPolicy, leaf: Issued, chain: readonly Issued[] = [], nowMs = NOW_MS): string {
  const pem = [leaf, ...chain].map(({ certificatePem }) => certificatePem).join('\n');
  return verdictOn(makeSigner().withDelegation(delegate(makeSigner().publicKey, leaf.keyPem, pem)), trust, nowMs);
}

function verdictOn(signer: Ed25519Signer, trust: TrustPolicy, nowMs = NOW_MS): string {
  const token = issuePathToken(signer, tokenFields(keys, { notBeforeMs: nowMs, expiresMs: nowMs + 30_000 }));
  try {
    verifyPathToken(token, { trust, audiences: [SECONDARY], nowMs, used: new UsedTokens() });
    return 'accepted';
  } catch (error) {
    const { code, message } = error as KwikError;
    return `${code}: ${message.replace('the token is signed by ', '')}`;
  }
}

describe('a signer that a certificate vouches for', () => {
  let root: Issued;
  let other: Issued;

  beforeAll(async () => {
    [root, other] = await Promise.all([makeAuthority('root'), makeAuthority('other root')]);
  });

  test.each<KeyKind>(['ec', 'rsa', 'ed25519'])('is believed, whatever kind of key it is: %s', async (key) => {
    expect(verdict({ ca: root.certificatePem }, await root.issue({ key, usage: 'server' }))).toBe('accepted');
  });

  test('by way of an intermediate, with or without the root in the chain', async () => {
    const middle = await root.issue({ name: 'middle', ca: true });
    const leaf = await middle.issue({ usage: 'server' });
    expect(verdict({ ca: root.certificatePem }, leaf, [middle])).toBe('accepted');
    expect(verdict({ ca: root.certificatePem }, leaf, [middle, root])).toBe('accepted');
    expect(verdict({ ca: root.certificatePem }, leaf)).toContain('no trusted authority');
  });

  test('among several authorities, and by its own certificate', async () => {
    const leaf = await root.issue();
    expect(verdict({ ca: other.certificatePem + root.certificatePem }, leaf)).toBe('accepted');
    expect(verdict({ ca: leaf.certificatePem }, leaf)).toBe('accepted');
  });

  test('of another authority is not', async () => {
    const leaf = await other.issue({ usage: 'server' });
    const expected = 'ERR_KWIK_TOKEN_UNTRUSTED: a certificate that no trusted authority signed';
    expect(verdict({ ca: root.certificatePem }, leaf)).toBe(expected);
    expect(verdict({ ca: root.certificatePem }, leaf, [other])).toBe(expected);
    // An authority of the same name is not the same authority.
    const impostor = await makeAuthority('root');
    expect(verdict({ ca: root.certificatePem }, await impostor.issue(), [impostor])).toBe(expected);
  });

  test('nor one without delegation, nor by an authority when only keys are trusted', async () => {
    expect(verdictOn(makeSigner(), { ca: root.certificatePem })).toContain('a key that is not trusted');
    expect(verdict({ keys: [makeSigner('other').publicKey] }, await root.issue())).toContain('no trusted authority');
  });

  test('nor when any certificate is out of date', async () => {
    const trust = { ca: root.certificatePem };
    const old = await root.issue({ notAfterMs: NOW_MS - 1_000 });
    const early = await root.issue({ notBeforeMs: NOW_MS + HOUR_MS });
    const oldMiddle = await root.issue({ name: 'middle', ca: true, notAfterMs: NOW_MS - 1_000 });
    const fresh = await oldMiddle.issue();
    for (const result of [verdict(trust, old), verdict(trust, early), verdict(trust, fresh, [oldMiddle])]) {
      expect(result).toBe('ERR_KWIK_TOKEN_UNTRUSTED: a certificate out of date');
    }
    const lateRoot = await makeAuthority('late', { notAfterMs: NOW_MS + HOUR_MS });
    const outliving = await lateRoot.issue({ notAfterMs: NOW_MS + 9 * HOUR_MS });
    expect(verdict({ ca: lateRoot.certificatePem }, outliving)).toBe('accepted');
    expect(verdict({ ca: lateRoot.certificatePem }, outliving, [], NOW_MS + 2 * HOUR_MS)).toContain('no trusted');
  });

  test('nor by the certificate of a client: clients of an authority are no primaries', async () => {
    const leaf = await root.issue({ usage: 'client' });
    expect(verdict({ ca: root.certificatePem }, leaf)).toContain('a certificate not for a server');
  });

  test('nor by one that does not say that it is for servers', async () => {
    const leaf = await root.issue({ usage: 'none' });
    expect(verdict({ ca: root.certificatePem }, leaf)).toContain('does not say that it is for a server');
  });

  test.each([
    ['basic constraints', { ca: true }],
    ['basic constraints, and meant for servers', { ca: true, usage: 'server' }],
    ['key usage', { keyUsage: SIGN | x509.KeyUsageFlags.keyCertSign, usage: 'server' }],
  ] as const)('nor by an authority itself, told by its %s', async (_by, options) => {
    const leaf = await root.issue(options);
    expect(verdict({ ca: root.certificatePem }, leaf)).toContain('the certificate of an authority');
    // Trusting that authority makes it no server either.
    expect(verdict({ ca: leaf.certificatePem }, leaf)).toContain('the certificate of an authority');
    expect(verdict({ ca: root.certificatePem }, root)).toContain('the certificate of an authority');
  });

  test('nor by a key that is for encipherment only', async () => {
    const trust = { ca: root.certificatePem };
    const encipherment = await root.issue({ keyUsage: x509.KeyUsageFlags.keyEncipherment });
    expect(verdict(trust, encipherment)).toContain('a certificate whose key may not sign');
    expect(verdict(trust, await root.issue({ keyUsage: 0 }))).toContain('a certificate whose key may not sign');
    const both = await root.issue({ keyUsage: SIGN | x509.KeyUsageFlags.keyEncipherment });
    expect(verdict(trust, both)).toBe('accepted');
  });

  test('nor by way of an authority that may not issue for servers, or no authorities', async () => {
    const trust = { ca: root.certificatePem };
    const forClients = await root.issue({ name: 'clients', ca: true, usage: 'client' });
    expect(verdict(trust, await forClients.issue(), [forClients])).toContain('no trusted authority');
    const forServers = await root.issue({ name: 'servers', ca: true, usage: 'server' });
    expect(verdict(trust, await forServers.issue(), [forServers])).toBe('accepted');
    const last = await root.issue({ name: 'last', ca: true, pathLength: 0 });
    expect(verdict(trust, await last.issue(), [last])).toBe('accepted');
    const beyond = await last.issue({ name: 'beyond', ca: true });
    expect(verdict(trust, await beyond.issue(), [beyond, last])).toContain('no trusted authority');
    const shortRoot = await makeAuthority('short', { pathLength: 0 });
    const under = await shortRoot.issue({ name: 'under', ca: true });
    expect(verdict({ ca: shortRoot.certificatePem }, await shortRoot.issue())).toBe('accepted');
    expect(verdict({ ca: shortRoot.certificatePem }, await under.issue(), [under])).toContain('no trusted authority');
  });

  test('nor by a server that plays authority', async () => {
    const server = await root.issue({ name: 'server', usage: 'server' });
    const minted = await server.issue({ name: 'minted' });
    expect(verdict({ ca: root.certificatePem }, minted, [server])).toContain('no trusted authority');
  });

  test('nor by a weak key', async () => {
    expect(verdict({ ca: root.certificatePem }, await root.issue({ key: 'rsa1024' }))).toContain('did not sign');
  });

  test('nor by a delegation of another signer', async () => {
    const leaf = await root.issue();
    const borrowed = delegate(makeSigner().publicKey, leaf.keyPem, leaf.certificatePem);
    const thief = makeSigner('thief').withDelegation(borrowed);
    expect(verdictOn(thief, { ca: root.certificatePem })).toContain('a certificate that did not sign for it');
  });

  test('names narrow an authority down', async () => {
    const leaf = await root.issue({ name: 'primary.example' });
    const trust = { ca: root.certificatePem };
    expect(verdict({ ...trust, names: ['primary.example'] }, leaf)).toBe('accepted');
    expect(verdict({ ...trust, names: ['other.example'] }, leaf)).toContain('a certificate of another name');
    const byAddress = await root.issue({ names: [{ type: 'ip', value: '192.0.2.1' }] });
    expect(verdict({ ...trust, names: ['192.0.2.1'] }, byAddress)).toBe('accepted');
  });

  test('SPIFFE ids narrow it down, too, and only what is one counts', async () => {
    const id = 'spiffe://example.org/primaries/one';
    const trust = { ca: root.certificatePem, names: [id] };
    const named = (...uris: string[]) => root.issue({ names: uris.map((value) => ({ type: 'url' as const, value })) });
    expect(verdict(trust, await named(id))).toBe('accepted');
    for (const uris of [['spiffe://example.org/primaries/two'], [id, 'https://example.org/'], [`${id}/`]]) {
      expect(verdict(trust, await named(...uris))).toContain('a certificate of another name');
    }
    expect(verdict(trust, await root.issue({ names: [{ type: 'dns', value: id }] }))).toContain('of another name');
    expect(() => new SignerTrust({ ...trust, names: ['spiffe://example.org/*'] })).toThrow(/is no SPIFFE id/);
  });

  test('a chain of rubbish, or without end', async () => {
    const leaf = await root.issue();
    const { signature, chain } = delegate(makeSigner().publicKey, leaf.keyPem, leaf.certificatePem);
    const rubbish = makeSigner().withDelegation({ chain: [new Uint8Array([1, 2, 3])], signature });
    expect(verdictOn(rubbish, { ca: root.certificatePem })).toContain('cannot be read');
    const endless = makeSigner().withDelegation({ chain: Array(7).fill(chain[0]) as Uint8Array[], signature });
    expect(verdictOn(endless, { ca: root.certificatePem })).toContain('more than 6');
  });
});

describe('credentials that cannot be used', () => {
  test('are named at the start', async () => {
    const root = await makeAuthority('root');
    const [one, two] = await Promise.all([root.issue(), root.issue()]);
    const credentials = (message: string) =>
      expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS', message: expect.stringContaining(message) });
    const key = makeSigner().publicKey;
    expect(() => delegate(key, two.keyPem, one.certificatePem)).toThrow(credentials('does not belong'));
    expect(() => delegate(key, 'nonsense', one.certificatePem)).toThrow(credentials('private key cannot be read'));
    expect(() => delegate(key, one.keyPem, 'nonsense')).toThrow(credentials('no certificate'));
    expect(() => Ed25519Signer.fromPrivateKeyPem(one.keyPem)).toThrow(credentials('not an Ed25519'));
    expect(() => Ed25519Signer.fromPrivateKeyPem('nonsense')).toThrow(credentials('not an Ed25519'));
  });

  test('an Ed25519 key in PEM signs', async () => {
    const { keyPem } = await makeAuthority('root', { key: 'ed25519' });
    const signer = Ed25519Signer.fromPrivateKeyPem(keyPem);
    expect(verdictOn(signer, { keys: [signer.publicKey] })).toBe('accepted');
  });
});

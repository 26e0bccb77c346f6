/** Makes `fixtures/certificates.json` anew. No private key is kept. */
import { writeFileSync } from 'node:fs';
import { delegate } from '@kwik/kcp';
import { makeAuthority } from '../../packages/kcp/src/test-support/certificates.js';
import { makeSigner } from '../../packages/kcp/src/test-support/sessions.js';

const ca = await makeAuthority('Fuzz Authority');
const leaf = await ca.issue({ usage: 'server', name: 'second.example' });
const rsa = await ca.issue({ usage: 'client', key: 'rsa' });
const strange = await ca.issue({
  names: [
    { type: 'url', value: 'spiffe://example/one' },
    { type: 'email', value: 'a@b.example' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'dn', value: 'CN="quoted, DNS:evil.example"' },
  ],
});
const { signature } = delegate(makeSigner('delegated').publicKey, leaf.keyPem, leaf.certificatePem);
const made = { ca: ca.der, leaf: leaf.der, rsa: rsa.der, strange: strange.der, signature };
const text = Object.fromEntries(
  Object.entries(made).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
);
writeFileSync(new URL('./fixtures/certificates.json', import.meta.url), `${JSON.stringify(text, null, 2)}\n`);

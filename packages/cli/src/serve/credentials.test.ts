import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { readPem } from './credentials.js';

const disk = temporaryFolder();
const { privateKey } = generateKeyPairSync('ed25519');
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

test('a byte order mark before the text is no matter', async () => {
  await disk.write('key.pem', `\uFEFF${PEM}`);
  expect(await readPem('--key', disk.path('key.pem'))).toBe(PEM);
});

test('an encrypted key is called one, with what to do', async () => {
  const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' });
  await disk.write('key.pem', encrypted);
  await disk.write('old.pem', '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0\n');
  for (const name of ['key.pem', 'old.pem']) {
    await expect(readPem('--key', disk.path(name))).rejects.toMatchObject({
      code: 'ERR_KWIK_CREDENTIALS',
      message: expect.stringMatching(/is encrypted; take the password off with: openssl pkey -in/u),
    });
  }
});

test('a file of another kind, or none, is named', async () => {
  await disk.write('key.der', Buffer.from([0x30, 0x82]).toString('latin1'));
  await expect(readPem('--key', disk.path('key.der'))).rejects.toThrow(/key\.der is not a PEM file/u);
  await expect(readPem('--key', disk.path('missing'))).rejects.toThrow(/--key file \S*missing: no such file/u);
});

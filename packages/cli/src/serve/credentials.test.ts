import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { readPem } from './credentials.js';

const disk = temporaryFolder();
const PEM = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';

test.each([
  ['as it is', Buffer.from(PEM)],
  ['with a byte order mark', Buffer.from(`\uFEFF${PEM}`)],
  ['in UTF-16 with a byte order mark', Buffer.from(`\uFEFF${PEM}`, 'utf16le')],
])('a PEM file is read %s', async (_name, bytes) => {
  expect(await readPem('--ca', await disk.write('ca.pem', bytes))).toBe(PEM);
});

test('what is not PEM, or not there, is said with the option and the file', async () => {
  const der = await disk.write('ca.der', Buffer.from([0x30, 0x82]));
  await expect(readPem('--ca', der)).rejects.toMatchObject({
    code: 'ERR_KWIK_CREDENTIALS',
    message: expect.stringMatching(/--ca \S+ca\.der is not a PEM file: .*openssl converts/u),
  });
  await expect(readPem('--ca', disk.path('none'))).rejects.toThrow(
    /cannot read the --ca file \S+none: no such file or folder/u,
  );
});

test('an encrypted key is called one, with what to do', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
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

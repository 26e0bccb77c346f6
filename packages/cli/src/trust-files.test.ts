import { expect, test } from '@jest/globals';
import { temporaryFolder } from './test-support/temporary-folder.js';
import { readTrust } from './trust-files.js';

const disk = temporaryFolder();
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const PIN = 'ab'.repeat(32);
const ID = 'spiffe://example.org/servers/one';

test('authority, pins and name of the server are what the command line says', async () => {
  const ca = await disk.write('ca.pem', PEM);
  expect(await readTrust({ pin: [] })).toBeUndefined();
  expect(await readTrust({ ca, pin: [PIN], serverName: ID })).toEqual({ ca: PEM, pins: [PIN], serverName: ID });
  expect(await readTrust({ pin: [], serverName: 'one.example' })).toEqual({ serverName: 'one.example' });
});

test.each([
  [{ pin: ['abc'] }, /--pin abc is not a SHA-256/u],
  [{ pin: [PIN], serverName: 'one.example' }, /--server-name needs --ca/u],
  [{ pin: [], serverName: 'spiffe://Example.org/one' }, /is no SPIFFE id: its trust domain/u],
])('%j is wrong usage', async (options, message) => {
  await expect(readTrust(options)).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

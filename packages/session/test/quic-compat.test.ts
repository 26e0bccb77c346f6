import { beforeEach, expect, jest, test } from '@jest/globals';
import * as kwik from '@kwik/session/quic';
import { makeAuthority, makeServerCertificate } from '../src/credentials/certificates.js';
import { runProgram, type Credentials } from './quic-compat/program.js';

/** The original is slow: 2 MB/s on an idle machine. */
jest.setTimeout(60_000);

/** The package that KWIK's own driver uses half of; so it is of the version that KWIK stands for. */
const ORIGINAL = new URL('../../quic/node_modules/@matrixai/quic/dist/index.js', import.meta.url);

let credentials: Credentials;
beforeEach(async () => {
  const authority = await makeAuthority('compat', 1);
  const { certPem, keyPem } = await makeServerCertificate(authority, ['localhost', '127.0.0.1'], 1);
  credentials = { ca: authority.certPem, cert: certPem, key: keyPem };
});

test('a program for @matrixai/quic prints the same over KWIK (K1, K14)', async () => {
  // Its shape is what @kwik/session/quic follows; where the program would not fit it, it fails.
  const original = (await import(ORIGINAL.href)) as typeof kwik;
  const expected = await runProgram(original, credentials);
  expect(expected.length).toBeGreaterThan(20);
  expect(await runProgram(kwik, credentials)).toEqual(expected);
});

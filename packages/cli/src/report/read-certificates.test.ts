import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { readCertificateFiles } from './read-certificates.js';

const disk = temporaryFolder();

test('a certificate without a subject, as SPIFFE allows, is shown with the names that it has', async () => {
  const [cert, key] = [disk.path('cert.pem'), disk.path('key.pem')];
  const names = 'subjectAltName=critical,URI:spiffe://example.org/one';
  const made = ['-subj', '/', '-addext', names, '-days', '9', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', ...made], { stdio: 'ignore' });
  expect(await readCertificateFiles([cert], Date.now())).toEqual([
    expect.objectContaining({ subject: 'none', issuer: 'none', names: 'URI:spiffe://example.org/one', daysLeft: 8 }),
  ]);
});

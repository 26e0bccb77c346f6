import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Harness } from './harness.js';
import { runHere } from './in-process.js';

jest.setTimeout(120_000);

/** Of the first quarter of 2020. */
const EXPIRED = `-----BEGIN CERTIFICATE-----
MIHLMH+gAwIBAgIBATAFBgMrZXAwDjEMMAoGA1UEAxMDb2xkMB4XDTIwMDEwMTAw
MDAwMFoXDTIwMDQwMTAwMDAwMFowDjEMMAoGA1UEAxMDb2xkMCowBQYDK2VwAyEA
MZ9Wj1Y1RKo10zbpsssx7vU2iM+KQeIo0YbmgO8TxrajAjAAMAUGAytlcANBAM8M
5y3efIBsl3ccHpenRjzFXuvOI5dylV00HnWiJQv72CmEEFXJBOhE2U7mOBamXrQt
9LCj2ir68kw0e4JJywI=
-----END CERTIFICATE-----
`;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

function certificate(days: number): string {
  const [cert, key] = [harness.path('cert.pem'), harness.path('key.pem')];
  const made = ['-subj', '/CN=<b>kwik', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', `${days}`, '-nodes'];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...args, ...made], { stdio: 'ignore' });
  return cert;
}

describe('kwik report', () => {
  test('shows what a server did, of its audit log, its page and its certificate; and what was changed', async () => {
    await harness.makeFile('a/file', 1000);
    const log = harness.path('audit.log');
    const server = await harness.serve('a', ['--audit', log, '--admin', '0']);
    const [, url = ''] = await server.process.printed(/"event":"admin","url":"(http:[^"]+)"/u);
    expect((await harness.get([`kwik://${server.address}/file`])).status).toBe(0);
    const bundle = harness.path('bundle.tgz');
    expect((await runHere(['support', url, '-o', bundle])).status).toBe(0);
    const live = await runHere(['report', '--admin', url]);
    expect(live).toMatchObject({ status: 0, stdout: expect.stringMatching(/\| role="primary" \| \d+ \| 0\.00 % \|/u) });
    server.process.kill('SIGTERM');
    await server.process.ended;

    const key = (await runHere(['audit', 'key', log])).stdout.trim();
    const args = ['report', '--audit', log, '--audit-key', key, '--support', bundle, '--cert', certificate(90)];
    const json = await runHere([...args, '--format', 'json']);
    expect(json.status).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'kwik-report/1',
      sound: true,
      tls: { versions: ['TLSv1.3'], suitesSeen: null },
      audit: { kinds: { 'session-opened': 1 }, logs: [{ closed: true, keyGiven: true, faults: [] }] },
      certificates: [{ subject: expect.stringContaining('kwik'), daysLeft: 89 }],
      process: { kwik: '0.1.0', status: 'ok', options: { audit: log } },
      engineGaps: expect.arrayContaining(
        ['CVE-2024-1410', 'CVE-2024-1765', 'CVE-2025-4820'].map((id) => expect.objectContaining({ id })),
      ),
    });

    const page = harness.path('report.html');
    expect((await runHere([...args, '--format', 'html', '--out', page])).status).toBe(0);
    expect(await readFile(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*CN=[^<]*&lt;b/u);
    expect(await runHere([...args, '--out', page])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('it exists already'),
    });

    await writeFile(log, (await readFile(log, 'utf8')).replace('"kind":"session-opened"', '"kind":"session-closed"'));
    const changed = await runHere(args);
    expect(changed).toMatchObject({ status: 1, stdout: expect.stringContaining('is not as it was written') });
  });

  test('names all that was not given, and what has expired', async () => {
    const bare = await runHere(['report']);
    expect(bare.status).toBe(0);
    const sections = [
      'cipher suite',
      'certificate files',
      'packets per key',
      'lifetimes of tokens',
      'refusals and violations',
      'audit logs',
      'a running process',
    ];
    for (const what of sections) expect(bare.stdout).toMatch(new RegExp(`\\*\\*Not given: [^\\n]*${what}`, 'u'));
    const file = harness.path('old.pem');
    await writeFile(file, EXPIRED);
    const old = await runHere(['report', '--cert', file]);
    expect(old).toMatchObject({ status: 1, stdout: expect.stringMatching(/has expired[\s\S]*EXPIRED/u) });
  });

  test('says in one line why it cannot', async () => {
    const key = harness.path('key.txt');
    await writeFile(key, '-----BEGIN PRIVATE KEY-----\nMHcCAQEEIBhunter2\n-----END PRIVATE KEY-----\n');
    const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['--audit', harness.path('none.log')], 1, /there is no audit log/u],
      [['--cert', harness.path('none.pem')], 1, /cannot read the --cert file/u],
      [['--cert', key], 4, /holds no certificate; give the certificate, not its key/u],
      [['--admin', '1'], 4, /nobody answers/u],
      [['--admin', '1', '--support', 'x'], 2, /give one/u],
      [['--format', 'pdf'], 2, /md, json, html/u],
    ];
    for (const [args, status, message] of wrong) {
      expect(await runHere(['report', ...args])).toMatchObject({
        status,
        stdout: '',
        stderr: expect.stringMatching(message),
      });
    }
  });
});

import { execFileSync } from 'node:child_process';
import { chmod, copyFile, lstat, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { grownTo, Harness, sha256Of } from './harness.js';

jest.setTimeout(120_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

test('a device stays a device, a link a link, a mode a mode, and what lies beside stays', async () => {
  const sha256 = await harness.makeFile('a/film', 2 * MB);
  const { address } = await harness.serve('a');
  const url = `kwik://${address}/film`;
  expect(await harness.run(['get', '-q', '-f', url, '-o', '/dev/null'])).toMatchObject({ status: 0, stderr: '' });
  expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true);

  await writeFile(harness.path('real'), 'old');
  await chmod(harness.path('real'), 0o640);
  await symlink('real', harness.path('link'));
  for (const name of ['real.kwik-part', 'real.kwik-part.json']) await writeFile(harness.path(name), 'mine');
  expect(await harness.run(['get', '-q', url, '-o', 'link'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/exists already; use --force/u),
  });
  expect(await harness.run(['get', '-q', '-f', url, '-o', 'link'])).toMatchObject({ status: 0, stderr: '' });
  expect((await lstat(harness.path('link'))).isSymbolicLink()).toBe(true);
  expect(await sha256Of(harness.path('real'))).toBe(sha256);
  expect((await stat(harness.path('real'))).mode & 0o777).toBe(0o640);
  for (const name of ['real.kwik-part', 'real.kwik-part.json']) {
    expect(await readFile(harness.path(name), 'utf8')).toBe('mine');
  }
});

test('standard output under its other name, and a command that takes the content', async () => {
  await harness.makeFile('a/text', 0);
  await writeFile(harness.path('a/text'), 'to be read\n');
  const { address } = await harness.serve('a');
  const url = `kwik://${address}/text`;
  expect(await harness.run(['get', url, '-o', '/dev/stdout'])).toMatchObject({ status: 0, stdout: 'to be read\n' });
  execFileSync('mkfifo', [harness.path('pipe')]);
  const get = harness.start(['get', '-q', url, '-o', 'pipe']);
  await get.printed(/waiting for somebody to read pipe/u);
  expect(execFileSync('cat', [harness.path('pipe')], { encoding: 'utf8' })).toBe('to be read\n');
  expect((await get.ended).status).toBe(0);
});

test('a name with control characters is left out and counts as failed; the others come', async () => {
  await mkdir(harness.path('a'));
  await writeFile(harness.path('a/good'), 'x');
  await writeFile(harness.path('a/bad\u001b[2J'), 'x');
  const { address } = await harness.serve('a');
  const { status, stderr, result } = await harness.get(['-r', `kwik://${address}/`, '-d', 'got']);
  expect({ status, files: result.files }).toEqual({ status: 1, files: { total: 2, done: 1, skipped: 0, failed: 1 } });
  expect(result.failures).toMatchObject([{ path: 'bad\u001b[2J', code: 'ERR_KWIK_LOCAL_FILE' }]);
  expect(stderr).not.toContain('\u001b');
  expect(await readdir(harness.path('got'))).toEqual(['good']);
});

test('a part is continued from another server that has the same content', async () => {
  const sha256 = await harness.makeFile('a/film', 60 * MB);
  await mkdir(harness.path('b'));
  await copyFile(harness.path('a/film'), harness.path('b/film'));
  const first = await harness.serve('a');
  const get = harness.start(['get', '--json', `kwik://${first.address}/film`, '-o', 'out']);
  await grownTo(harness.path('out.kwik-part'), 10 * MB, get);
  get.kill('SIGKILL');
  await get.ended;
  const { size } = await stat(harness.path('out.kwik-part'));
  const second = await harness.serve('b');
  const { status, result } = await harness.get([`kwik://${second.address}/film`, '-o', 'out']);
  expect({ status, ...result }).toMatchObject({ status: 0, sha256, resumedFrom: size, bytes: 60 * MB - size });
});

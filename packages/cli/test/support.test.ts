import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Harness } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

const SECRETS = {
  KWIK_ADMIN_TOKEN: 'planted-admin-token-1',
  KWIK_REGISTRY_TOKEN: 'planted-registry-2',
  KWIK_ETCD_PASSWORD: 'planted-password-3',
};
const IN_URL = 'planted-in-a-url-4';

describe('kwik support', () => {
  test('collects what a server tells, and none of the secrets that it was started with', async () => {
    const args = ['--admin', '0', '--region', `https://user:${IN_URL}@example.invalid`];
    const { process } = await harness.serve('a', args, SECRETS);
    const [, url = ''] = await process.printed(/"event":"admin","url":"(http:[^"]+)"/u);
    const bundle = harness.path('bundle.tgz');
    const { status, stderr } = await harness.run(['support', url, '-o', bundle], SECRETS);
    expect([status, stderr]).toEqual([0, expect.stringContaining('look at it before you pass it on')]);
    expect((await stat(bundle)).mode & 0o777).toBe(0o600);

    execFileSync('tar', ['xzf', bundle, '-C', harness.folder]);
    const folder = harness.path('kwik-support');
    const names = await readdir(folder);
    expect(names.sort()).toEqual(
      ['README.txt', 'about.json', 'flight.json', 'health.json', 'here.json', 'metrics.txt', 'state.json'].sort(),
    );
    const texts = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')));
    for (const secret of [...Object.values(SECRETS), IN_URL]) expect(texts.join('\n')).not.toContain(secret);
    const about = JSON.parse(await readFile(`${folder}/about.json`, 'utf8')) as Record<string, unknown>;
    expect(about).toMatchObject({
      options: { admin: '127.0.0.1:0', region: 'https://[removed]@example.invalid' },
      environment: { KWIK_ADMIN_TOKEN: '[removed]', KWIK_DATA_DIR: harness.path('data') },
    });
    expect(await readFile(`${folder}/metrics.txt`, 'utf8')).toContain('kwik_sessions{role="client"} 0');
  });

  test('writes a folder, too, and overwrites nothing', async () => {
    const { process } = await harness.serve('a', ['--admin', '0']);
    const [, url = ''] = await process.printed(/"event":"admin","url":"(http:[^"]+)"/u);
    const folder = harness.path('bundle');
    expect((await harness.run(['support', url, '-o', folder])).status).toBe(0);
    expect(await readdir(folder)).toContain('flight.json');
    expect(await harness.run(['support', url, '-o', folder])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^kwik: cannot write \S*bundle: it exists already\n$/u),
    });
  });

  test('says so when nobody answers, or somebody else', async () => {
    expect((await harness.run(['support', '1', '-o', harness.path('x.tgz')])).status).toBe(4);
    expect(await harness.run(['support', '1'])).toMatchObject({ status: 2 });
  });
});

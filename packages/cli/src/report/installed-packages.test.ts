import { mkdir, symlink } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { installedPackages } from './installed-packages.js';

const disk = temporaryFolder();

async function write(folder: string, manifest: object): Promise<void> {
  await disk.write(`${folder}/package.json`, JSON.stringify(manifest));
}

const versions = async (most?: number) =>
  (await installedPackages(disk.path('app'), most)).packages.map(({ name, version }) => `${name} ${version}`);

test('are found as Node finds them: nested, above, linked, scoped, in a ring', async () => {
  await write('app', { name: 'app', version: '1.0.0', license: 'MIT', dependencies: { a: '*', '@s/b': '*' } });
  await write('app/node_modules/a', {
    name: 'a',
    version: '1.1.0',
    license: { type: 'ISC' },
    dependencies: { c: '2' },
  });
  await write('app/node_modules/a/node_modules/c', {
    name: 'c',
    version: '2.0.0',
    licenses: [{ type: 'MIT' }, { type: 'X' }],
  });
  await write('node_modules/c', { name: 'c', version: '1.0.0', dependencies: { a: '*' } });
  await write('store/b', { name: '@s/b', version: '3.0.0', dependencies: { c: '1' } });
  await mkdir(disk.path('node_modules/@s'), { recursive: true });
  await symlink(disk.path('store/b'), disk.path('node_modules/@s/b'));
  const found = await installedPackages(disk.path('app'));
  expect(found.packages).toEqual([
    { name: '@s/b', version: '3.0.0', licence: 'not named', purl: 'pkg:npm/%40s/b@3.0.0' },
    { name: 'a', version: '1.1.0', licence: 'ISC', purl: 'pkg:npm/a@1.1.0' },
    { name: 'app', version: '1.0.0', licence: 'MIT', purl: 'pkg:npm/app@1.0.0' },
    { name: 'c', version: '1.0.0', licence: 'not named', purl: 'pkg:npm/c@1.0.0' },
    { name: 'c', version: '2.0.0', licence: 'MIT OR X', purl: 'pkg:npm/c@2.0.0' },
  ]);
  // The c above asks for an a that is only below app.
  expect(found).toMatchObject({ cut: false, missing: ['a (for c)'] });
});

test('what is needed and not there is named, but for what is optional', async () => {
  await write('app', {
    name: 'app',
    version: '1.0.0',
    dependencies: { gone: '*', maybe: '*', '../outside': '*', broken: '*', constructor: '*' },
    optionalDependencies: { maybe: '*' },
  });
  await write('outside', { name: 'outside', version: '6.6.6' });
  await disk.write('app/node_modules/broken/package.json', '{ "name": ');
  const found = await installedPackages(disk.path('app'));
  expect(found.packages.map(({ name }) => name)).toEqual(['app']);
  expect(found.missing).toEqual([
    '../outside (for app)',
    expect.stringMatching(/broken \(its package\.json cannot be read\)$/u),
    'constructor (for app)',
    'gone (for app)',
  ]);
});

test('no more are read than the bound says, and the list says so', async () => {
  const names = Array.from({ length: 10 }, (_, at) => `p${at}`);
  await write('app', {
    name: 'app',
    version: '1.0.0',
    dependencies: Object.fromEntries(names.map((name) => [name, '*'])),
  });
  for (const name of names) await write(`app/node_modules/${name}`, { name, version: '1.0.0' });
  expect(await versions()).toHaveLength(11);
  expect(await installedPackages(disk.path('app'), 4)).toMatchObject({ cut: true, packages: { length: 4 } });
});

test('of the command itself: its libraries with their licences, and none of what only builds and tests', async () => {
  const { packages, cut } = await installedPackages();
  const names = packages.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['@kwik/cli', '@kwik/session', '@kwik/wire', '@matrixai/quic', 'zod']));
  expect(names).not.toContain('jest');
  expect(packages.find(({ name }) => name === 'commander')?.licence).toBe('MIT');
  expect(cut).toBe(false);
});

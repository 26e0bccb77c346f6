import { chmod, symlink, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { MAX_MESSAGE_BYTES, encodeMessage } from '../protocol/framing.js';
import type { ListEntry, ListPage } from '../protocol/messages.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { inPages, listFiles } from './listing.js';
import { unprivileged } from '../test-support/unprivileged.js';
import { ServedFolder } from './served-folder.js';

const disk = temporaryFolder();
const wanted = new AbortController().signal;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('lists what is served below a folder, sorted, with sizes', async () => {
  await disk.write('secret', 'secret');
  await disk.write('served/b', '22');
  await disk.write('served/a/two', '4444');
  await disk.write('served/a/one', '');
  await symlink('b', disk.path('served/link'));
  await symlink('../secret', disk.path('served/out'));
  await symlink('nowhere', disk.path('served/dangling'));
  // Followed, this one would never end.
  await symlink('..', disk.path('served/a/up'));
  const folder = await ServedFolder.open(disk.path('served'));
  expect(await collect(listFiles(folder, '', wanted))).toEqual([
    { path: 'a/one', size: 0 },
    { path: 'a/two', size: 4 },
    { path: 'b', size: 2 },
    { path: 'link', size: 2 },
  ]);
  expect(await collect(listFiles(folder, 'a', wanted))).toEqual([
    { path: 'a/one', size: 0 },
    { path: 'a/two', size: 4 },
  ]);
});

test('names what nobody could ask for, and why it is left out', async () => {
  await disk.write('served/back\\slash', 'x');
  await disk.write('served/good', 'x');
  await writeFile(Buffer.concat([Buffer.from(`${disk.path('served')}/latin`), Buffer.from([0xe9])]), 'x');
  const folder = await ServedFolder.open(disk.path('served'));
  expect(await collect(listFiles(folder, '', wanted))).toEqual([
    { path: 'back\\slash', reason: expect.stringContaining('backslash') },
    { path: 'good', size: 1 },
    { path: 'latin\uFFFD', reason: expect.stringContaining('UTF-8') },
  ]);
});

test('names a folder that is too deep', async () => {
  const deep = Array.from({ length: 70 }, () => 'd').join('/');
  await disk.write(`served/${deep}/file`, 'x');
  const folder = await ServedFolder.open(disk.path('served'));
  const listed = await collect(listFiles(folder, '', wanted));
  expect(listed).toEqual([{ path: expect.stringMatching(/^d(\/d)+$/u), reason: expect.stringContaining('deep') }]);
});

test('names a folder that cannot be read', async () => {
  await disk.write('served/good', 'x');
  await disk.write('served/locked/file', 'x');
  await chmod(disk.path('served/locked'), 0);
  const folder = await ServedFolder.open(disk.path('served'));
  const listed = await unprivileged(disk.path('.'), () => collect(listFiles(folder, '', wanted)));
  await chmod(disk.path('served/locked'), 0o700);
  expect(listed).toEqual([
    { path: 'good', size: 1 },
    { path: 'locked', reason: 'permission denied' },
  ]);
});

test('names what cannot be looked at, as when the server has too many files open', async () => {
  await disk.write('served/good', 'x');
  await disk.write('served/other', 'x');
  const folder = await ServedFolder.open(disk.path('served'));
  const broken = {
    resolveInside: (path: string): Promise<string> =>
      path === 'other'
        ? Promise.reject(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the server has too many files open'))
        : folder.resolveInside(path),
  };
  expect(await collect(listFiles(broken, '', wanted))).toEqual([
    { path: 'good', size: 1 },
    { path: 'other', reason: 'the server has too many files open' },
  ]);
});

test.each([
  ['file', 'ERR_KWIK_PERMISSION_DENIED'],
  ['missing', 'ERR_KWIK_SOURCE_NOT_FOUND'],
  ['..', 'ERR_KWIK_PERMISSION_DENIED'],
  ['out', 'ERR_KWIK_PERMISSION_DENIED'],
])('refuses to list %s', async (path, code) => {
  await disk.write('other/secret', 'secret');
  await disk.write('served/file', 'x');
  await symlink('../other', disk.path('served/out'));
  const folder = await ServedFolder.open(disk.path('served'));
  await expect(collect(listFiles(folder, path, wanted))).rejects.toMatchObject({ code });
});

test('stops when the client is gone', async () => {
  await disk.write('served/a/file', 'x');
  const folder = await ServedFolder.open(disk.path('served'));
  await expect(collect(listFiles(folder, '', AbortSignal.abort()))).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
});

async function* entries(number: number, name: (index: number) => string): AsyncGenerator<ListEntry> {
  for (let index = 0; index < number; index++) yield { path: name(index), size: index };
}

test.each([
  ['none', 0, (index: number) => `f${index}`],
  ['many short ones', 5000, (index: number) => `f${index}`],
  ['long ones that need escapes', 40, (index: number) => `"\\${'\u0001'.repeat(500)}${index}`],
  ['long ones of wide characters', 40, (index: number) => '語'.repeat(1300) + index],
])('pages of %s fit the message, and only the last has no more', async (_name, number, name) => {
  const pages: ListPage[] = await collect(inPages(entries(number, name)));
  expect(pages.flatMap((page) => page.entries)).toEqual(await collect(entries(number, name)));
  expect(pages.map(({ more }) => more)).toEqual([...Array.from({ length: pages.length - 1 }, () => true), false]);
  for (const page of pages) expect(encodeMessage(page).length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES + 4);
});

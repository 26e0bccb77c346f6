import { symlink } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { MAX_MESSAGE_BYTES, encodeMessage } from '../protocol/framing.js';
import type { ListEntry, ListPage } from '../protocol/messages.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { inPages, listFiles } from './listing.js';
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

test('leaves out names that no client could ask for', async () => {
  await disk.write('served/back\\slash', 'x');
  await disk.write('served/good', 'x');
  const folder = await ServedFolder.open(disk.path('served'));
  expect(await collect(listFiles(folder, '', wanted))).toEqual([{ path: 'good', size: 1 }]);
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

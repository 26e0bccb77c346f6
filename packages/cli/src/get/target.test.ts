import { execFileSync } from 'node:child_process';
import { chmod, realpath, symlink } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { checkFolder, lookAt } from './target.js';

const disk = temporaryFolder();

test('what is not there, and a regular file with its mode', async () => {
  expect(await lookAt(disk.path('new'))).toEqual({ kind: 'file', path: disk.path('new') });
  await disk.write('old', 'x');
  await chmod(disk.path('old'), 0o640);
  expect(await lookAt(disk.path('old'))).toEqual({ kind: 'file', path: disk.path('old'), mode: 0o640 });
});

test('a link stands for what it leads to', async () => {
  await disk.write('real/film', 'x');
  await symlink('real/film', disk.path('link'));
  expect(await lookAt(disk.path('link'))).toMatchObject({ kind: 'file', path: await realpath(disk.path('real/film')) });
  await symlink('/dev/null', disk.path('nowhere'));
  expect(await lookAt(disk.path('nowhere'))).toEqual({ kind: 'stream', path: '/dev/null' });
});

test('devices and pipes take bytes as they come', async () => {
  expect(await lookAt('/dev/null')).toEqual({ kind: 'stream', path: '/dev/null' });
  execFileSync('mkfifo', [disk.path('pipe')]);
  expect(await lookAt(disk.path('pipe'))).toEqual({ kind: 'stream', path: disk.path('pipe') });
});

test.each(['/dev/fd/7', '/proc/self/fd/7'])(
  '%s is what the program was given open, wherever that leads',
  async (path) => {
    expect(await lookAt(path)).toEqual({ kind: 'descriptor', path, fd: 7 });
  },
);

test('a folder to download into is one, or can be made', async () => {
  await disk.write('folder/file', 'x');
  await checkFolder(disk.path('folder'));
  await checkFolder(disk.path('folder/new/one'));
  for (const place of ['folder/file', 'folder/file/below']) {
    await expect(checkFolder(disk.path(place))).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
      message: expect.stringMatching(/-d \S+ cannot be a folder: a file is there already/u),
    });
  }
});

test('what cannot be written to is refused, with what to do', async () => {
  await disk.write('folder/x', 'x');
  await symlink('missing', disk.path('dangling'));
  await expect(lookAt(disk.path('folder'))).rejects.toThrow(/is a folder; use -d/u);
  await expect(lookAt(disk.path('dangling'))).rejects.toThrow(/leads nowhere; remove it/u);
});

import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, readlink, rename, symlink, unlink, utimes } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { unprivileged } from '../test-support/unprivileged.js';
import { ServedFolder } from './served-folder.js';

const disk = temporaryFolder();

/** A folder to serve, and a secret beside it. */
async function served(): Promise<ServedFolder> {
  await disk.write('secret', 'secret');
  await disk.write('other/secret', 'secret');
  await disk.write('served/file', 'content');
  await disk.write('served/folder/inner', 'inner');
  return ServedFolder.open(disk.path('served'));
}

async function contentOf(folder: ServedFolder, path: string): Promise<string> {
  const { handle } = await folder.openFile(path);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

test('gives the files inside, also by links that stay inside', async () => {
  const folder = await served();
  await symlink('folder/inner', disk.path('served/link'));
  await symlink('folder', disk.path('served/linked'));
  expect(await contentOf(folder, 'file')).toBe('content');
  expect(await contentOf(folder, 'folder/inner')).toBe('inner');
  expect(await contentOf(folder, 'link')).toBe('inner');
  expect(await contentOf(folder, 'linked/inner')).toBe('inner');
});

test('serves a folder that is itself given by a link', async () => {
  await served();
  await symlink('served', disk.path('alias'));
  const folder = await ServedFolder.open(disk.path('alias'));
  expect(folder.root).toBe(disk.path('served'));
  expect(await contentOf(folder, 'file')).toBe('content');
});

test.each([
  ['../secret', 'ERR_KWIK_PERMISSION_DENIED'],
  ['/etc/hostname', 'ERR_KWIK_PERMISSION_DENIED'],
  ['out', 'ERR_KWIK_PERMISSION_DENIED'],
  ['out-folder/secret', 'ERR_KWIK_PERMISSION_DENIED'],
  // A folder whose name begins with that of the served one is not inside it.
  ['sibling', 'ERR_KWIK_PERMISSION_DENIED'],
  ['folder', 'ERR_KWIK_PERMISSION_DENIED'],
  ['pipe', 'ERR_KWIK_PERMISSION_DENIED'],
  ['device', 'ERR_KWIK_PERMISSION_DENIED'],
  ['loop', 'ERR_KWIK_PERMISSION_DENIED'],
  ['missing', 'ERR_KWIK_SOURCE_NOT_FOUND'],
  ['dangling', 'ERR_KWIK_SOURCE_NOT_FOUND'],
  ['file/below', 'ERR_KWIK_SOURCE_NOT_FOUND'],
  ['x'.repeat(300), 'ERR_KWIK_SOURCE_NOT_FOUND'],
])('refuses %s', async (path, code) => {
  const folder = await served();
  await disk.write('served-too/secret', 'secret');
  await symlink('../secret', disk.path('served/out'));
  await symlink('../other', disk.path('served/out-folder'));
  await symlink('../served-too/secret', disk.path('served/sibling'));
  await symlink('/dev/zero', disk.path('served/device'));
  await symlink('loop', disk.path('served/loop'));
  await symlink('nowhere', disk.path('served/dangling'));
  execFileSync('mkfifo', [disk.path('served/pipe')]);
  await expect(folder.openFile(path)).rejects.toMatchObject({ code });
});

test('messages say nothing of the disk', async () => {
  const folder = await served();
  await symlink(disk.path('secret'), disk.path('served/out'));
  for (const path of ['out', 'missing', '../secret']) {
    const error = await folder.openFile(path).catch((reason: unknown) => reason);
    expect(String(error)).not.toContain(disk.path());
  }
});

test('what was exchanged for a link between the look and the opening is not given out', async () => {
  const folder = await served();
  await disk.write('served/folder/secret', 'harmless');
  await symlink('../other', disk.path('served/evil'));
  const seen = { harmless: 0, refused: 0 };
  const random = new SeededRandom(1);
  let stop = false;
  // A folder gives way to a link that leads outside, and comes back, again and again while files are opened.
  const flipping = (async () => {
    while (!stop) {
      await rename(disk.path('served/folder'), disk.path('served/good'));
      await rename(disk.path('served/evil'), disk.path('served/folder'));
      for (let turn = random.float() * 4; turn > 0; turn--) await new Promise(setImmediate);
      await rename(disk.path('served/folder'), disk.path('served/evil'));
      await rename(disk.path('served/good'), disk.path('served/folder'));
      for (let turn = random.float() * 20; turn > 0; turn--) await new Promise(setImmediate);
    }
  })();
  for (let index = 0; index < 2000 || seen.harmless === 0 || seen.refused === 0; index++) {
    const content = await contentOf(folder, 'folder/secret').catch(() => undefined);
    if (content === undefined) seen.refused += 1;
    else if (content === 'harmless') seen.harmless += 1;
    else throw new Error(`the folder gave out '${content}'`);
  }
  stop = true;
  await flipping;
});

test('the etag changes with the content, the time and the file', async () => {
  const folder = await served();
  const etag = async (): Promise<string> => {
    const { handle, etag: value } = await folder.openFile('file');
    await handle.close();
    return value;
  };
  const seen = [await etag()];
  expect(await etag()).toBe(seen[0]);
  await appendFile(disk.path('served/file'), '!');
  seen.push(await etag());
  await utimes(disk.path('served/file'), 1, 1);
  seen.push(await etag());
  await disk.write('served/new', 'content!');
  await utimes(disk.path('served/new'), 1, 1);
  await rename(disk.path('served/new'), disk.path('served/file'));
  seen.push(await etag());
  expect(new Set(seen).size).toBe(4);
});

test('closes what it refuses after opening', async () => {
  const folder = await served();
  if (process.platform !== 'linux') return;
  const open = async (): Promise<string[]> => {
    const names = await import('node:fs/promises').then(({ readdir }) => readdir('/proc/self/fd'));
    const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return targets.filter((target) => target.startsWith(disk.path()));
  };
  await mkdir(disk.path('served/empty'));
  for (const path of ['empty', '../secret', 'missing']) await folder.openFile(path).catch(() => undefined);
  expect(await open()).toEqual([]);
});

test('what is no folder cannot be served', async () => {
  await served();
  await expect(ServedFolder.open(disk.path('served/file'))).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
  await expect(ServedFolder.open(disk.path('nowhere'))).rejects.toMatchObject({
    code: 'ERR_KWIK_LOCAL_FILE',
    message: expect.stringContaining('no such file or folder'),
  });
});

test('a file that the server may not read is refused', async () => {
  const folder = await served();
  await chmod(disk.path('served/file'), 0);
  await unprivileged(disk.path('.'), () =>
    expect(folder.openFile('file')).rejects.toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' }),
  );
  await unlink(disk.path('served/file')).catch(() => undefined);
});

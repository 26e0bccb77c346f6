import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { createFile, removeUnfinished, replaceFile } from './replace-file.js';

test('what a process that ended left half-written is removed, and nothing that anybody else may need', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('scores');
  await replaceFile(path, 'whole', { mode: 0o600, flush: false });
  const old = ['scores.0123456789abcdef.new', 'scores.new', 'scores.1', 'other.0123456789abcdef.new'];
  const young = 'scores.fedcba9876543210.new';
  for (const name of [...old, young]) await writeFile(folder.file(name), '');
  for (const name of old) await utimes(folder.file(name), 1, 1);
  await removeUnfinished(path);
  expect((await readdir(folder.path)).sort()).toEqual([...old.slice(1), 'scores', young].sort());
  expect(await readFile(path, 'utf8')).toBe('whole');
  await removeUnfinished(folder.file('nowhere/scores'));
});

test('a new file is there whole, for its owner alone, and never in the place of another', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('key');
  const unfinished = folder.file('key.0123456789abcdef.new');
  await writeFile(unfinished, 'half of a k');
  await utimes(unfinished, 1, 1);
  const made = await Promise.allSettled(['one', 'two'].map((text) => createFile(path, text, { mode: 0o600 })));
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const first = made[0]?.status === 'fulfilled' ? 'one' : 'two';
  await expect(createFile(path, Uint8Array.of(0), { mode: 0o600 })).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(createFile(folder.file('nowhere/key'), '', { mode: 0o600 })).rejects.toMatchObject({ code: 'ENOENT' });
  expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual([first, 0o600]);
  expect(await readdir(folder.path)).toEqual(['key']);
});

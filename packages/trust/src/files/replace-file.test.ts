import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { removeUnfinished, replaceFile } from './replace-file.js';

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

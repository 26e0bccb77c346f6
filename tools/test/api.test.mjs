import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { reportDifferences } from '../lib/api-reports.mjs';
import { SIZE_BUDGETS, sizeProblems } from '../lib/size-budgets.mjs';

/** @type {string} */
let folder;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kwik-api-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} name @param {Record<string, string>} files */
function reports(name, files) {
  mkdirSync(join(folder, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  return join(folder, name);
}

test('a public interface that was not reviewed is reported with what changed', () => {
  const reviewed = reports('reviewed', { 'a.api.md': 'one\ntwo\n', 'b.api.md': 'same\n', 'gone.api.md': 'x\n' });
  const now = reports('now', { 'a.api.md': 'one\nthree\n', 'b.api.md': 'same\n', 'new.api.md': 'y\n' });
  expect(reportDifferences(reviewed, now)).toEqual([
    'etc/a.api.md is another now:',
    '- two',
    '+ three',
    'etc/gone.api.md is of an entry point that is gone',
    'etc/new.api.md is missing',
  ]);
});

test('a package that outgrows its bound is reported', () => {
  const { tarballKb } = SIZE_BUDGETS.wire;
  expect(sizeProblems('wire', tarballKb * 1000)).toEqual([]);
  const larger = tarballKb + 1;
  expect(sizeProblems('wire', larger * 1000)).toEqual([
    `its tarball has ${larger} kB, more than ${tarballKb} (tools/lib/size-budgets.mjs)`,
  ]);
});

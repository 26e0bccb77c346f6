import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from '../lib/workspace.mjs';

const SESSION = join('packages', 'session', 'src');
const CORE = join(SESSION, 'core');
/** A file of the core that more others need is no mechanism any more, but a place where several meet. */
const MOST = 10;
const IMPORT = /^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*[^']*)\s*from\s+'(\.[^']+)';/gmu;

/** Of each file of the session, the files that import more of it than types. */
function importers() {
  const listed = execFileSync('git', ['ls-files', '-z', `${SESSION}/*.ts`], { cwd: ROOT, encoding: 'utf8' });
  const files = listed.split('\0').filter((name) => name !== '' && !/\.test\.ts$|test-support/u.test(name));
  const by = new Map();
  for (const file of files) {
    for (const [, type, names = '', from = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
      if (type !== undefined || isTypesAlone(names)) continue;
      const imported = normalize(join(dirname(file), from.replace(/\.js$/u, '.ts')));
      by.set(imported, (by.get(imported) ?? new Set()).add(file));
    }
  }
  return by;
}

/** @param {string} names */
function isTypesAlone(names) {
  const each = names.replace(/[{}]/gu, '').split(',');
  return each.every((name) => name.trim() === '' || name.trim().startsWith('type '));
}

test('no file of the core of the session is imported by more than ten others, except for types', () => {
  const counts = [...importers()].filter(([file]) => file.startsWith(CORE)).map(([file, by]) => [file, by.size]);
  expect(counts.length).toBeGreaterThan(30);
  expect(counts.filter(([, count]) => count > MOST)).toEqual([]);
});

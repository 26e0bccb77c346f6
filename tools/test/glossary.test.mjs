import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib/workspace.mjs';

const ROWS = readFileSync(join(ROOT, 'docs', 'glossary.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:-|term )/u.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

/** Words of all that is shipped. */
function wordsOfTheCode() {
  const listed = execFileSync('git', ['ls-files', '-z', 'packages/*/src/*.ts'], { cwd: ROOT, encoding: 'utf8' });
  const words = new Set();
  for (const file of listed.split('\0').filter((name) => name !== '' && !name.endsWith('.test.ts'))) {
    for (const [word] of readFileSync(join(ROOT, file), 'utf8').matchAll(/[A-Za-z_]\w*/gu)) words.add(word);
  }
  return words;
}

test('each term has a meaning, and a name that is in the code', () => {
  const words = wordsOfTheCode();
  expect(ROWS.length).toBeGreaterThan(40);
  for (const [, term, meaning, source] of ROWS) {
    const names = [...(source ?? '').matchAll(/`(\w+)`/gu)].map(([, name]) => name);
    expect({ term, meaning: meaning !== '', names: names.length > 0 }).toEqual({ term, meaning: true, names: true });
    expect({ term, missing: names.filter((name) => !words.has(name)) }).toEqual({ term, missing: [] });
  }
});

test('no term is explained twice', () => {
  const terms = ROWS.flatMap(([, term = '']) => term.split(', '));
  expect(terms.filter((term, index) => terms.indexOf(term) !== index)).toEqual([]);
});

test('each state of a path is a term', () => {
  const source = readFileSync(join(ROOT, 'packages', 'paths', 'src', 'state', 'path-state.ts'), 'utf8');
  const union = /export type PathState =([^;]*);/u.exec(source)?.[1] ?? '';
  const states = [...union.matchAll(/'(\w+)'/gu)].map(([, state]) => state);
  expect(states).toHaveLength(9);
  expect(ROWS.map(([, term]) => term)).toEqual(expect.arrayContaining(states));
});

import { homedir } from 'node:os';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { checkHygiene } from '../checks/hygiene.mjs';
import { run } from '../lib/run.mjs';
import { makeTree } from './tree.mjs';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(60_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(async () => {
  tree = makeTree({ 'a.md': 'Nothing of note: https://example.org/home/page, ./home/x/, /home/alice/x, 127.0.0.1.\n' });
  await run('git', ['init', '-q'], { cwd: tree.root });
});

afterEach(() => {
  tree.remove();
});

test('a clean tree passes', async () => {
  expect(await checkHygiene(tree.root)).toMatchObject({ ok: true, summary: '1 files' });
});

// Put together here, so that this very file holds none of them.
test.each([
  ['a home folder', ['', 'home', 'zenobia', 'kwik'].join('/')],
  ['a registry', ['https://registry', 'example', 'org/'].join('.')],
  ['a credential', ['//host/:_auth', 'Token=x'].join('')],
  ['a private key', ['-----BEGIN', 'PRIVATE KEY-----\n'].join(' ') + 'A'.repeat(64)],
  ["the user's home folder", `${homedir()}/x`],
])('%s is reported', async (_, text) => {
  tree.put('b.txt', `first line\n${text}\n`);
  const { ok, report } = await checkHygiene(tree.root);
  expect(ok).toBe(false);
  expect(report).toContain('b.txt:2: ');
});

test('the place of the checkout is reported', async () => {
  tree.put('b.txt', `${tree.root}/c\n`);
  expect((await checkHygiene(tree.root)).report).toContain("b.txt:1: this machine's path to the checkout");
});

test('files that git ignores are not looked at', async () => {
  tree.put('.gitignore', 'b.txt\n');
  tree.put('b.txt', `${tree.root}/c\n`);
  expect(await checkHygiene(tree.root)).toMatchObject({ ok: true });
});

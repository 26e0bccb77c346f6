import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { judgeCommits } from '../checks/commits.mjs';
import { run } from '../lib/run.mjs';
import { makeTree } from './tree.mjs';

/** @type {ReturnType<typeof makeTree>} */
let tree;
let first = '';

/** @param {readonly string[]} args */
async function git(...args) {
  const { code, stdout, output } = await run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
    cwd: tree.root,
  });
  if (code !== 0) throw new Error(output);
  return stdout.trim();
}

/** @param {string} message */
const commit = (message) => git('commit', '-q', '--allow-empty', '-m', message);

beforeEach(async () => {
  tree = makeTree({ 'a.md': 'Nothing of note.\n' });
  await git('init', '-q');
  await commit('Everything that was before the convention');
  first = await git('rev-parse', 'HEAD');
});

afterEach(() => {
  tree.remove();
});

test('messages after the convention pass, those before are left alone', async () => {
  await commit('fix(session): a stream that ended early is told to its reader\n\nIt waited for ever.');
  await commit('feat(quic)!: Ed25519 keys are taken');
  expect(await judgeCommits(tree.root, first)).toMatchObject({ ok: true, summary: '2 messages' });
});

test.each([
  ['no type', 'Session: what it does'],
  ['an unknown type', 'wip: something'],
  ['no subject', 'fix(session):'],
  ['a full stop', 'fix: something.'],
  ['too long a subject', `fix: ${'x'.repeat(100)}`],
  ['a body that follows at once', 'fix: something\nand why'],
])('%s is reported', async (_, message) => {
  await commit(message);
  const { ok, report } = await judgeCommits(tree.root, first);
  expect(ok).toBe(false);
  expect(report).toContain(message.split('\n')[0]);
});

test('without the history only the newest is judged', async () => {
  await commit('not conventional');
  await commit('fix: something');
  const result = await judgeCommits(tree.root, '0'.repeat(40));
  expect(result).toMatchObject({ ok: true, summary: '1 messages; the history is not here' });
});

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REQUIREMENTS, evidenceProblems, evidenceSummary, requirementProblems } from '../lib/requirements.mjs';
import { ROOT } from '../lib/workspace.mjs';
import { makeTree } from './tree.mjs';

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree({
    'package.json': { scripts: { sim: 'node sim.mjs' } },
    'a.test.ts': "test.each([1])('a peer\\'s fault ends its path: %s', () => undefined);",
  });
});

afterEach(() => {
  tree.remove();
});

const HEAD = '| row | what | how | shown by |\n| --- | --- | --- | --- |\n';
const COUNTS = [4, 5, 7, 6, 5, 6, 5, 5, 5, 5, 5, 5, 5];
const ALL = [...COUNTS.map((count, index) => `K${index + 1}.1–${index + 1}.${count}`), 'K14'];

/**
 * A page on which each row is shown by `proof`.
 *
 * @param {string} proof
 * @param {readonly string[]} [rows]
 */
function page(proof, rows = ALL) {
  tree.put(REQUIREMENTS, `# Page\n\n${HEAD}${rows.map((row) => `| ${row} | x | \`y\` | ${proof} |\n`).join('')}`);
  return requirementProblems(tree.root);
}

const TITLE = "`a peer's fault ends its path: %s`";

test('each row of the plan is shown by tests that are there', () => {
  expect(requirementProblems(ROOT)).toEqual([]);
});

test('a page in order passes; a title may be cut short, and a command stands for a test', () => {
  expect(page(`\`a.test.ts\`: ${TITLE}`)).toEqual([]);
  expect(page("`a.test.ts`: `a peer's fault`<br>`pnpm sim --seeds 9`")).toEqual([]);
});

test('a row that is missing is reported', () => {
  const rows = ALL.map((row) => (row === 'K3.1–3.7' ? 'K3.1–3.5' : row)).filter((row) => row !== 'K14');
  expect(page('`pnpm sim`', rows)).toEqual([
    'docs/requirements.md: no row for K3.6',
    'docs/requirements.md: no row for K3.7',
    'docs/requirements.md: no row for K14',
  ]);
  tree.remove();
  expect(requirementProblems(tree.root)).toEqual(['docs/requirements.md is missing']);
});

test('a test file or a test that is not there is reported', () => {
  expect(page(`\`b.test.ts\`: ${TITLE}`)).toContain('docs/requirements.md:5: b.test.ts does not exist');
  expect(page('`a.test.ts`: `fault ends`')).toContain('docs/requirements.md:5: a.test.ts has no test "fault ends"');
  expect(page('`pnpm sum`')).toContain('docs/requirements.md:5: package.json has no script for `pnpm sum`');
});

test('a row that nothing shows is reported', () => {
  expect(page('somebody said so')).toContain('docs/requirements.md:5: nothing shows K1.1–1.4');
  expect(page('`a.test.ts`')).toContain('docs/requirements.md:5: no test of a.test.ts is named');
  expect(page('`a peer`')).toContain('docs/requirements.md:5: `a peer` stands before any test file');
});

test('a test that goes or changes its name is missed by the real page', () => {
  const text = readFileSync(join(ROOT, REQUIREMENTS), 'utf8');
  const file = 'packages/session/test/recovery.test.ts';
  tree.put(REQUIREMENTS, text);
  tree.put('package.json', readFileSync(join(ROOT, 'package.json'), 'utf8'));
  tree.put(file, readFileSync(join(ROOT, file), 'utf8').replace('goes on where it was', 'goes on where it is'));
  expect(requirementProblems(tree.root).filter((problem) => problem.includes(file))).toContainEqual(
    expect.stringMatching(/has no test "goes on where it was/),
  );
});

test('the threat model names tests that are there', () => {
  expect(evidenceProblems(ROOT, 'docs/readiness.md')).toEqual([]);
});

test('the requirements are summed up by section', () => {
  page(`\`a.test.ts\`: ${TITLE}`);
  tree.put(REQUIREMENTS, `# Page\n\n## One\n\n${HEAD}| K1.1 | x | y | \`a.test.ts\`: ${TITLE} |\n\n## Two\n\n${HEAD}`);
  expect(evidenceSummary(tree.root)).toEqual([
    { section: 'One', rows: 1, tests: 1 },
    { section: 'Two', rows: 0, tests: 0 },
  ]);
});

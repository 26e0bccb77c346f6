import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { checkDocs } from '../checks/docs.mjs';
import { makeTree, packageFiles } from './tree.mjs';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(60_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree(packageFiles('wire'));
});

afterEach(() => {
  tree.remove();
});

/**
 * @param {string} info
 * @param {string} code
 */
const page = (info, code) => `# Page\n\nText.\n\n\`\`\`${info}\n${code}\n\`\`\`\n`;

const report = async () => (await checkDocs(tree.root)).report;

test('right docs pass', async () => {
  tree.put('docs/a.md', page('ts run', "import { one } from '@kwik/wire';\nif (one !== 1) throw new Error('no');"));
  tree.put(
    'README.md',
    `[a](docs/a.md#page), [there](https://example.org/x)\n${page('js check', "import '@kwik/wire';")}`,
  );
  expect(await checkDocs(tree.root)).toEqual({ ok: true, report: '', summary: '3 pages, 3 blocks checked, 1 run' });
});

test('code that does not compile is reported with its line in the page', async () => {
  tree.put('docs/a.md', page('ts check', "import { two } from '@kwik/wire';\nconst x: string = 1;"));
  expect(await report()).toContain(
    "docs/a.md(6,10): error TS2305: Module '\"@kwik/wire\"' has no exported member 'two'",
  );
  expect(await report()).toContain('docs/a.md(7,7): error TS2322');
});

test('code that fails or does not compile is not taken for run', async () => {
  tree.put('docs/a.md', page('ts run', "throw new Error('as told');"));
  expect(await report()).toMatch(/^docs\/a\.md:6: the sample ended with status 1\n[^]*as told/);
});

test('unmarked code may be anything', async () => {
  tree.put('docs/a.md', page('ts', 'this is not code') + page('text check', 'nor this'));
  expect(await report()).toBe('');
});

test('a package without README, or whose README shows no checked code, is reported', async () => {
  tree.put('packages/kcp/package.json', { name: '@kwik/kcp', exports: {} });
  tree.put('packages/wire/README.md', page('ts', '1;'));
  expect(await report()).toBe(
    'packages/kcp/README.md is missing\n' +
      'packages/wire/README.md has no checked code: mark a block with ```ts check or ```ts run',
  );
});

test('a link that leads nowhere is reported, unless it is code', async () => {
  tree.put('docs/a.md', 'See [b](b.md).\n`[c](c.md)`\n\n```md\n[d](d.md)\n```\n');
  expect(await report()).toBe('docs/a.md:1: b.md does not exist');
});

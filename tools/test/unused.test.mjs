import { expect, jest, test } from '@jest/globals';
import { checkUnused, isOlder } from '../checks/unused.mjs';
import { makeTree, packageFiles } from './tree.mjs';

// knip reads the whole tree, which takes its time on a machine that is busy.
jest.setTimeout(60_000);

test.each([
  ['20.15.0', true],
  ['20.18.3', true],
  ['20.19.0', false],
  ['22.2.0', false],
])('Node %s is too old for it: %s', (version, older) => {
  expect(isOlder(version)).toBe(older);
});

const testWithKnip = isOlder(process.versions.node) ? test.skip : test;

testWithKnip('what nobody uses is reported', async () => {
  const tree = makeTree({
    'package.json': { private: true, workspaces: ['packages/*'] },
    ...packageFiles('wire', { source: "export { one } from './one.js';\n" }),
    'packages/wire/src/one.ts': 'export const one = 1;\nexport const two = 2;\n',
    'packages/wire/src/three.ts': 'export const three = 3;\n',
  });
  try {
    const { ok, report } = await checkUnused(tree.root);
    expect(ok).toBe(false);
    expect(report).toMatch(/Unused files[^]*three\.ts[^]*Unused exports[^]*two/);
  } finally {
    tree.remove();
  }
});

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { checkPackages } from '../checks/packages.mjs';
import { readJson } from '../lib/workspace.mjs';
import { makeTree, packageFiles } from './tree.mjs';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(240_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree({
    'pnpm-workspace.yaml': 'packages: [packages/*]\n',
    'package.json': { private: true },
    ...packageFiles('wire'),
  });
});

afterEach(() => {
  tree.remove();
});

test('a complete package passes', async () => {
  expect(await checkPackages(tree.root)).toEqual({ ok: true, report: '', summary: '1 tarballs' });
});

test('what is too much, missing or broken is reported', async () => {
  const manifest = readJson(`${tree.root}/packages/wire/package.json`);
  const exports = { ...manifest.exports, './gone': { types: './dist/gone.d.ts', default: './dist/gone.js' } };
  tree.put('packages/wire/package.json', { ...manifest, exports, files: ['dist', 'src'] });
  tree.put('packages/wire/dist/.tsbuildinfo', '{}');
  tree.put('packages/wire/dist/old.d.ts', '');
  const { report } = await checkPackages(tree.root);
  expect(report).toContain('packages/wire: src/index.ts does not belong into the tarball');
  expect(report).toContain('packages/wire: dist/.tsbuildinfo does not belong into the tarball');
  expect(report).toContain('packages/wire: dist/old.d.ts is built from a source that is gone');
  expect(report).toMatch(/publint: .*gone\.js/);
  expect(report).toContain('@kwik/wire/gone: Cannot find module');
});

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { linkDependencies } from '../lib/packed.mjs';
import { listPackages } from '../lib/workspace.mjs';
import { makeTree } from './tree.mjs';

test('an unpacked package has the dependencies that it declares, and of optional ones those that are there', () => {
  const manifest = {
    name: '@kwik/one',
    dependencies: { '@kwik/wire': '1', needed: '1' },
    optionalDependencies: { fast: '1', elsewhere: '1' },
  };
  const tree = makeTree({
    'packages/one/package.json': manifest,
    ...Object.fromEntries(
      ['needed', 'fast', 'undeclared'].map((name) => [`packages/one/node_modules/${name}/package.json`, { name }]),
    ),
  });
  try {
    linkDependencies(listPackages(tree.root), tree.root);
    expect(readdirSync(join(tree.root, 'node_modules/@kwik/one/node_modules')).sort()).toEqual(['fast', 'needed']);
  } finally {
    tree.remove();
  }
});

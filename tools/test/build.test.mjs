import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isFresh, stampBuild } from '../lib/build.mjs';
import { makeTree, packageFiles } from './tree.mjs';

const SOURCES_AT = new Date('2030-01-01T00:00:00Z');
const BUILT_AT = new Date('2030-01-01T00:00:10Z');
const LATER = new Date('2030-01-01T00:00:20Z');

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  const configs = { 'tsconfig.json': {}, 'tsconfig.base.json': {}, 'pnpm-lock.yaml': '' };
  tree = makeTree({ ...configs, ...packageFiles('wire'), 'packages/wire/src/ids/ids.ts': '' });
  age(tree.root);
  stampBuild(tree.root, BUILT_AT);
});

afterEach(() => {
  tree.remove();
});

/** @param {string} path */
function age(path) {
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) age(join(path, name));
  utimesSync(path, SOURCES_AT, SOURCES_AT);
}

/** @param {string} path */
const touch = (path) => utimesSync(join(tree.root, path), LATER, LATER);

test('a build that is newer than its sources is fresh', () => {
  expect(isFresh(tree.root)).toBe(true);
});

test.each([
  'packages/wire/src/index.ts',
  'packages/wire/src/ids', // as when a file in it goes
  'packages/wire/package.json',
  'tsconfig.base.json',
  'pnpm-lock.yaml',
])('a change of %s makes it stale', (path) => {
  touch(path);
  expect(isFresh(tree.root)).toBe(false);
});

test('without an output, or without a note of a good build, it is stale', () => {
  rmSync(join(tree.root, 'packages/wire/dist/index.js'));
  expect(isFresh(tree.root)).toBe(false);
  tree.put('packages/wire/dist/index.js', '');
  expect(isFresh(tree.root)).toBe(true);
  rmSync(join(tree.root, '.tmp'), { recursive: true });
  expect(isFresh(tree.root)).toBe(false);
});

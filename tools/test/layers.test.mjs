import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { checkLayers } from '../checks/layers.mjs';
import { LAYERS_PAGE, layerTables } from '../lib/layer-tables.mjs';
import { PACKAGES, importsOf } from '../lib/layers.mjs';
import { ROOT, entryPoints, listPackages, readJson } from '../lib/workspace.mjs';
import { link, makeTree, packageFiles } from './tree.mjs';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(60_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree({
    'package.json': { devDependencies: { jest: '1.0.0' } },
    [LAYERS_PAGE]: `# Architecture\n\n${layerTables()}\n`,
    'tsconfig.json': { references: ['kcp', 'quic', 'wire'].map((name) => ({ path: `packages/${name}` })) },
    ...packageFiles('wire'),
    ...packageFiles('quic', { dependencies: { '@kwik/wire': '*' }, source: "export * from '@kwik/wire';\n" }),
    ...packageFiles('kcp', { dependencies: { '@kwik/wire': '*' }, source: "export * from '@kwik/wire';\n" }),
  });
  link(tree.root, { kcp: ['wire', 'quic'], quic: ['wire'] });
});

afterEach(() => {
  tree.remove();
});

/** @param {import('../lib/layers.mjs').FolderTables} folders */
const report = async (folders = {}) => (await checkLayers(tree.root, folders)).report;

test('a tree in order passes, and its modules were seen', async () => {
  expect(await checkLayers(tree.root, {})).toEqual({ ok: true, report: '', summary: '3 modules' });
});

test('an import that the table does not allow is reported', async () => {
  tree.put('packages/kcp/src/index.ts', "export * from '@kwik/wire';\nexport { one as two } from '@kwik/quic';\n");
  expect(await report()).toContain('packages/kcp/src/index.ts → packages/quic/dist/index.js: the layer table');
});

test('an import of a type alone is an import', async () => {
  tree.put('packages/kcp/src/other.ts', "import type { one } from '@kwik/quic';\nexport type One = typeof one;\n");
  expect(await report()).toContain('packages/kcp/src/other.ts → packages/quic/dist/index.js: the layer table');
});

test('a declared dependency that the table does not allow is reported', async () => {
  const manifest = readJson(join(tree.root, 'packages/kcp/package.json'));
  tree.put('packages/kcp/package.json', { ...manifest, dependencies: { '@kwik/wire': '*', '@kwik/quic': '*' } });
  expect(await report()).toContain('packages/kcp/package.json: the layer table does not allow @kwik/quic');
});

test('a way around the front door is reported', async () => {
  tree.put('packages/kcp/src/index.ts', "import '@kwik/wire';\nexport * from '../../wire/src/index.js';\n");
  expect(await report()).toContain('packages/wire/src/index.ts: import another package by its name');
});

test('an import that leads nowhere is reported', async () => {
  tree.put('packages/kcp/src/index.ts', "import './gone.js';\nexport * from '@kwik/wire';\n");
  expect(await report()).toContain('./gone.js: cannot be resolved');
});

test('a circle is reported, and a circle of types is not', async () => {
  tree.put('packages/wire/src/a.ts', "import { b } from './b.js';\nexport const a = () => b;\n");
  tree.put('packages/wire/src/b.ts', "import { a } from './a.js';\nexport const b = () => a;\n");
  expect(await report()).toContain('imports in a circle');
  tree.put(
    'packages/wire/src/b.ts',
    "import type { a } from './a.js';\nexport type B = typeof a;\nexport const b = 1;\n",
  );
  expect(await report()).toBe('');
});

test('a circle of types is reported where there is to be none', async () => {
  tree.put('packages/quic/src/a.ts', "import { b } from './b.js';\nimport '@kwik/wire';\nexport const a = () => b;\n");
  tree.put(
    'packages/quic/src/b.ts',
    "import type { a } from './a.js';\nexport type B = typeof a;\nexport const b = 1;\n",
  );
  expect(await report()).toContain('packages/quic/src/a.ts → packages/quic/src/b.ts: imports in a circle');
});

test('imports and declarations agree', async () => {
  tree.put('packages/wire/src/index.ts', "import 'zod';\n");
  tree.put('packages/kcp/src/index.ts', 'export const one = 1;\n');
  expect(await report()).toContain("packages/wire/src/index.ts: zod is not in the package's dependencies");
  expect(await report()).toContain('packages/kcp/package.json: nothing imports @kwik/wire');
});

test('a package that is not in the table, not built or empty is reported', async () => {
  for (const [path, content] of Object.entries(packageFiles('utils'))) tree.put(path, content);
  tree.put('packages/utils/src/index.ts', '');
  expect(await report()).toContain('packages/utils has no row in the layer table');
  expect(await report()).toContain('tsconfig.json: packages/utils is not referenced, and so not built');
});

describe('folders of a package', () => {
  /** @type {import('../lib/layers.mjs').FolderTables} */
  const folders = { wire: { '.': ['codec', 'codec/text'], codec: [], 'codec/text': ['codec'] } };

  beforeEach(() => {
    tree.put('packages/wire/src/codec/one.ts', 'export const one = 1;\n');
    tree.put('packages/wire/src/codec/text/two.ts', "export { one } from '../one.js';\n");
    tree.put('packages/wire/src/index.ts', "export { one } from './codec/text/two.js';\n");
  });

  test('import what their rows allow; a test imports what it likes', async () => {
    tree.put('packages/wire/src/codec/one.test.ts', "export { one } from './text/two.js';\n");
    expect(await report(folders)).toBe('');
  });

  test('an import that a row does not allow is reported, of a type too', async () => {
    tree.put(
      'packages/wire/src/codec/three.ts',
      "import type { one } from './text/two.js';\nexport type T = typeof one;\n",
    );
    expect(await report(folders)).toMatch(
      /^\S+codec\/three\.ts → \S+text\/two\.ts: the layer table of the package's folders/,
    );
    expect(await report({ wire: { ...folders['wire'], codec: 'any' } })).toBe('');
  });

  test('a file without a row, a row without a file and a name without a row are reported', async () => {
    tree.put('packages/wire/src/frames/three.ts', 'export const three = 3;\n');
    const found = await report({ wire: { ...folders['wire'], gone: ['missing'] } });
    expect(found).toContain('packages/wire/src/frames/three.ts: its folder has no row');
    expect(found).toContain('gone has a row and no files');
    expect(found).toContain('gone names missing, which has no row');
  });
});

test('a page that shows other tables is reported', async () => {
  tree.put(LAYERS_PAGE, layerTables().replace('@kwik/kcp', '@kwik/pck'));
  expect(await report()).toBe(`${LAYERS_PAGE} does not show the layer tables: run \`pnpm layers\``);
  tree.put(LAYERS_PAGE, '# Architecture\n');
  expect(await report()).toContain('does not show the layer tables');
});

test('a row of the table of packages names rows above it', () => {
  const names = Object.keys(PACKAGES);
  for (const [index, name] of names.entries())
    expect(names.slice(0, index)).toEqual(expect.arrayContaining([...(importsOf(name) ?? [])]));
});

test('tests and eslint find the sources of every import path', () => {
  const { paths } = readJson(join(ROOT, 'tsconfig.tests.json')).compilerOptions;
  for (const { name, manifest } of listPackages()) {
    for (const { specifier, source } of entryPoints(manifest)) {
      const mapped = paths[specifier] ?? [paths['@kwik/*'][0].replace('*', specifier.slice('@kwik/'.length))];
      expect(mapped).toEqual([`./packages/${name}/${source}`]);
    }
  }
});

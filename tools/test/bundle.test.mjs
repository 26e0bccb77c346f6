import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { run } from '../lib/run.mjs';
import { makeTree, packageFiles } from './tree.mjs';

const DECLARATIONS_ONLY = { compilerOptions: { target: 'ES2022', emitDeclarationOnly: true } };
// A class that names itself is what bundlers like to rename.
const INDEX = `
import { join } from 'node:path';
import { shared } from './shared.js';
export class Named { static one = new Named(); }
export const later = () => import('./later.js');
export const all = () => [join('a', 'b'), shared];
`;

/** @type {ReturnType<typeof makeTree>} */
let tree;

/** In a process of its own: the bundler is native code, and knows no objects of a realm that jest has made. */
async function bundled() {
  const tool = new URL('../lib/bundle.mjs', import.meta.url).href;
  const program = `import { bundlePackages } from '${tool}'; await bundlePackages(${JSON.stringify(tree.root)});`;
  expect(await run(process.execPath, ['--input-type=module', '--eval', program])).toMatchObject({
    code: 0,
    output: '',
  });
}

beforeEach(() => {
  tree = makeTree({
    'package.json': { private: true },
    ...packageFiles('wire', { source: INDEX }),
    'packages/wire/tsconfig.json': DECLARATIONS_ONLY,
    'packages/wire/src/shared.ts': 'export const shared: string = "shared";\n',
    'packages/wire/src/later.ts': 'import { shared } from "./shared.js";\nexport const text = `later ${shared}`;\n',
    'packages/wire/dist/old-1a2b3c.js': '',
    'packages/wire/dist/old-1a2b3c.js.map': '',
    'packages/wire/dist/core/gone.js': '',
    ...packageFiles('plain'),
    'packages/plain/dist/part.js': '',
  });
});

afterEach(() => {
  tree.remove();
});

test('the modules of a package are joined, by what is loaded later, and names stay', async () => {
  await bundled();
  const index = pathToFileURL(join(tree.root, 'packages', 'wire', 'dist', 'index.js')).href;
  const program = `
    const { Named, all, later } = await import('${index}');
    console.log([Named.name, Named.one.constructor.name, ...all(), (await later()).text].join());
  `;
  const { output } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(output.trim()).toBe(`Named,Named,${join('a', 'b')},shared,later shared`);
});

test('what an earlier build left is gone, but not declarations, and not in packages that the compiler emits', async () => {
  await bundled();
  const files = readdirSync(join(tree.root, 'packages', 'wire', 'dist'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => /old|gone/.test(name))).toEqual([]);
  expect(files).toContain('index.d.ts');
  const plain = readdirSync(join(tree.root, 'packages', 'plain', 'dist'));
  expect(plain.sort()).toEqual(['index.d.ts', 'index.js', 'part.js']);
});

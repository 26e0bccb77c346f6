import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outsideResources } from '../checks/site.mjs';
import { ROOT } from '../lib/workspace.mjs';
import { sideBar } from '../site/config.mjs';
import { stagePages } from '../site/stage.mjs';
import { makeTree } from './tree.mjs';

/** @type {ReturnType<typeof makeTree>} */
let tree;
beforeEach(() => {
  tree = makeTree({});
});
afterEach(() => tree.remove());

test('links between pages follow, links to sources become words, and code is left alone', () => {
  tree.put('packages/wire/package.json', '{ "name": "@kwik/wire", "version": "0.1.0" }');
  tree.put('packages/wire/README.md', '# wire\n\n[errors](../../docs/reference/errors.md#codes)\n');
  tree.put('tools/lib/x.mjs', '');
  tree.put('docs/reference/errors.md', '# Errors\n\n[wire](../../packages/wire), [x](../../tools/lib/x.mjs)\n');
  tree.put('docs/index.md', '# Index\n\n<!-- a note -->\n\n```ts run\na[0](b.c);\n```\n');
  stagePages(tree.root, join(tree.root, 'out'));
  const page = (/** @type {string} */ name) => readFileSync(join(tree.root, 'out', name), 'utf8');
  expect(page('packages/wire.md')).toContain('[errors](./../reference/errors.md#codes)');
  expect(page('reference/errors.md')).toContain('[wire](./../packages/wire.md), x (`tools/lib/x.mjs`)');
  expect(page('index.md')).toContain('```ts\na[0](b.c);\n```');
  expect(page('index.md')).not.toContain('note');
});

test('a page that no group has comes at the end of the side bar', () => {
  const bar = sideBar(['index', 'start', 'packages/wire', 'nowhere'], new Map([['nowhere', 'Nowhere']]));
  expect(bar.at(-1)).toEqual({ text: 'More', items: [{ text: 'Nowhere', link: '/nowhere' }] });
  expect(bar.flatMap(({ items }) => items.map(({ link }) => link))).toEqual(['/start', '/packages/wire', '/nowhere']);
});

test('no page of the docs is in the side bar twice', () => {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = docs.filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -'.md'.length));
  const links = sideBar(pages, new Map()).flatMap(({ items }) => items.map(({ link }) => link));
  expect(links.length).toBeGreaterThan(30);
  expect(links.filter((link, index) => links.indexOf(link) !== index)).toEqual([]);
});

test('what a browser would load from elsewhere is reported, and a link is not', () => {
  tree.put('out/a.html', '<a href="https://a.example">a</a><script src="https://b.example/x.js"></script>');
  tree.put('out/b.css', "@import 'https://c.example/y.css';");
  expect(outsideResources(join(tree.root, 'out'))).toEqual([
    'a.html loads src="https://b.example/x.js',
    "b.css loads @import 'https://c.example/y.css",
  ]);
});

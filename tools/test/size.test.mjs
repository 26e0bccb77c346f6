import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { checkSize, tightenRatchet } from '../checks/size.mjs';
import { makeTree } from './tree.mjs';

const FILE = 'packages/wire/src/long.ts';
const RATCHET = 'tools/size-ratchet.json';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(60_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree({ [FILE]: lines(400) });
});

afterEach(() => {
  tree.remove();
});

/** @param {number} count */
function lines(count) {
  return '// one line\n'.repeat(count);
}

/** @param {number} count Lines of the method, its head and its closing brace counted. */
function method(count) {
  return `export class Thing {\n  work() {\n${'    this;\n'.repeat(count - 2)}  }\n}\n`;
}

test('what is just within the limits passes', async () => {
  tree.put('packages/wire/src/thing.ts', method(60));
  expect(await checkSize(tree.root)).toMatchObject({ ok: true, summary: '2 files, 0 exceptions' });
});

test('a line too many is reported, in a file and in a function', async () => {
  tree.put(FILE, lines(401));
  tree.put('packages/wire/src/thing.ts', method(61));
  const { ok, report } = await checkSize(tree.root);
  expect(ok).toBe(false);
  expect(report).toContain(`${FILE}: 401 lines, 400 allowed`);
  expect(report).toContain('packages/wire/src/thing.ts#Thing.work: 61 lines, 60 allowed');
});

test('an exception holds, and does not grow', async () => {
  tree.put(FILE, lines(450));
  tree.put(RATCHET, { [FILE]: 450 });
  expect(await checkSize(tree.root)).toMatchObject({ ok: true });
  tree.put(FILE, lines(451));
  expect((await checkSize(tree.root)).report).toContain('451 lines, 450 allowed');
});

test('an exception that shrank must be written down, and cannot grow back', async () => {
  tree.put(RATCHET, { [FILE]: 450, 'packages/wire/src/gone.ts': 500 });
  tree.put(FILE, lines(420));
  expect((await checkSize(tree.root)).report).toContain('run `pnpm ratchet`');
  tightenRatchet(tree.root);
  expect(JSON.parse(readFileSync(join(tree.root, RATCHET), 'utf8'))).toEqual({ [FILE]: 420 });
  expect(await checkSize(tree.root)).toMatchObject({ ok: true });
});

test('turning the ratchet neither adds an exception nor raises one', async () => {
  tree.put(RATCHET, { [FILE]: 410 });
  tree.put(FILE, lines(500));
  tree.put('packages/wire/src/thing.ts', method(80));
  tightenRatchet(tree.root);
  expect(JSON.parse(readFileSync(join(tree.root, RATCHET), 'utf8'))).toEqual({ [FILE]: 410 });
});

test('tests and generated code may be long', async () => {
  tree.put('packages/wire/src/long.test.ts', lines(900));
  tree.put('packages/wire/src/gen/long.ts', lines(900));
  tree.put('packages/wire/test/long.ts', lines(900));
  expect(await checkSize(tree.root)).toMatchObject({ ok: true, summary: '1 files, 0 exceptions' });
});

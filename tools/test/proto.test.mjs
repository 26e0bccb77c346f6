import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { checkGenerated, checkProtoBreaking, checkProtoFormat, checkProtoLint } from '../checks/proto.mjs';
import { ROOT } from '../lib/workspace.mjs';
import { makeTree } from './tree.mjs';

const MESSAGES = 'proto/kwik/v1/common.proto';
const GENERATED = 'packages/wire/src/gen/kwik/v1/common.ts';

// The checks start compilers and linters, which take their time on a machine that is busy.
jest.setTimeout(60_000);

/** @type {ReturnType<typeof makeTree>} */
let tree;

beforeEach(() => {
  tree = makeTree({});
  for (const path of ['proto', 'buf.yaml', 'tools/proto-baseline', 'packages/wire/src/gen']) {
    cpSync(join(ROOT, path), join(tree.root, path), { recursive: true });
  }
});

afterEach(() => {
  tree.remove();
});

/** @param {string} path */
const read = (path) => readFileSync(join(tree.root, path), 'utf8');

test('a message that lost a field is reported', async () => {
  // Takes the first field with the number 1 out of the first message.
  tree.put(MESSAGES, read(MESSAGES).replace(/^ {2}\w+ \w+ = 1;\n/m, ''));
  expect(await checkProtoBreaking(tree.root)).toMatchObject({ ok: false });
});

test('a message that grew is not', async () => {
  const grown = `${read(MESSAGES)}\nmessage Added {\n  string text = 1;\n}\n`;
  tree.put(MESSAGES, grown);
  expect(await checkProtoBreaking(tree.root)).toMatchObject({ ok: true });
});

test('files out of shape, or against the rules, are reported', async () => {
  tree.put(MESSAGES, `${read(MESSAGES)}\nmessage  badly_named { string text = 1; }\n`);
  expect(await checkProtoFormat(tree.root)).toMatchObject({ ok: false });
  expect((await checkProtoLint(tree.root)).report).toContain('PascalCase');
});

test('generated code that was changed, added or left over is reported', async () => {
  expect((await checkGenerated(tree.root)).report).toBe('');
  tree.put(GENERATED, `${read(GENERATED)}\n// by hand\n`);
  tree.put('packages/wire/src/gen/left-over.ts', '');
  expect((await checkGenerated(tree.root)).report).toBe(
    `${GENERATED} is not what proto/ generates: run \`pnpm gen\`\n` +
      'packages/wire/src/gen/left-over.ts is not what proto/ generates: run `pnpm gen`',
  );
});

import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { ROOT } from '../lib/workspace.mjs';

/** Outside jest, whose module registry eslint's loading of its configuration does not suit. */
const LINT = `
import { text } from 'node:stream/consumers';
import { ESLint } from 'eslint';
const eslint = new ESLint();
for (const [filePath, code] of JSON.parse(await text(process.stdin))) {
  const [result] = await eslint.lintText(code, { filePath });
  console.log(JSON.stringify(result.messages));
}
`;

/**
 * Lints texts as if they stood in files of the checkout, and returns what eslint says of each. All in one process, which
 * reads the types of the workspace once.
 *
 * @param {readonly (readonly [file: string, text: string])[]} texts
 * @returns {{ ruleId: string, line: number, message: string }[][]}
 */
function lintAll(texts) {
  // In a single run, as CI is taken for, typescript-eslint would read the file from the disk and not these lines.
  const env = { ...process.env, TSESTREE_SINGLE_RUN: 'false' };
  const args = ['--input-type=module', '--eval', LINT];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    input: JSON.stringify(texts),
  });
  const lines = stdout.trim().split('\n');
  if (lines.length !== texts.length) throw new Error(stderr);
  return lines.map((line) => JSON.parse(line));
}

const SANS_IO = [
  "import { createSocket } from 'node:dgram';",
  "import { randomBytes } from 'node:crypto';",
  "import { join } from 'path';",
  'export const a = () => Date.now();',
  'export const b = () => Math.random();',
  'export const c = () => setTimeout(createSocket, 1);',
  'export const d = async () => 1;',
  'export const e = () => performance.now();',
  'export let f = 1;',
  'export enum G { One }',
  'export default join;',
  'export const h = (x: any) => x as string;',
  'export const i = () => { d(); };',
  'export const j = new Map<string, number>();',
  'export const k: ReadonlyMap<string, number> = new Map();',
  'export const l = () => { throw new Error(String(randomBytes(1))); };',
];

const TEST = [
  "import { test } from '@jest/globals';",
  'test.only("a", () => undefined);',
  '// eslint-disable-next-line no-console',
  'test("b", () => console.log(1));',
  '// eslint-disable-next-line no-console -- to see it',
  'test("c", () => console.log(1));',
  'test("d", () => new Promise((resolve) => setTimeout(resolve, Math.random())));',
];

/** @param {number} count Lines of the method, its head and its closing brace counted. */
const method = (count) => [`  of${count}() {`, ...Array(count - 2).fill('    // one line'), '  }'];
const METHODS = ['export class Thing {', ...method(60), ...method(61), '}'];
const LONG = [...METHODS, ...Array(401 - METHODS.length).fill('// one line'), ''].join('\n');

const [ofSansIo = [], ofTest = [], ofLongSource = [], ofLongTest = []] = lintAll([
  ['packages/scheduler/src/index.ts', SANS_IO.join('\n')],
  ['packages/wire/src/ids/ids.test.ts', TEST.join('\n')],
  ['packages/wire/src/index.ts', LONG],
  ['packages/wire/src/ids/ids.test.ts', LONG],
]);

/**
 * What was said of the line that contains `part`.
 *
 * @param {string} part
 */
function saidOf(part) {
  const line = SANS_IO.findIndex((text) => text.includes(part)) + 1;
  return ofSansIo.filter((each) => each.line === line).map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

test('what a sans-IO package may not do is banned, with what to do instead', () => {
  const expected = {
    createSocket: 'take input and give output',
    'import { randomBytes': 'take random bytes',
    "from 'path'": 'node:path',
    'Date.now': 'take `now`',
    'Math.random': 'seeded generator',
    setTimeout: 'let the caller set the timer',
    async: 'the shell around the core awaits',
    performance: 'take `now`',
    'let f': 'No module-level state',
    'enum G': 'union of literals',
    default: 'named export',
    any: 'no-explicit-any',
    'd();': 'no-floating-promises',
    'j =': 'No module-level state',
    'throw new Error': 'KwikError',
  };
  for (const [line, message] of Object.entries(expected)) {
    expect({ line, said: saidOf(line).join('\n') }).toEqual({ line, said: expect.stringContaining(message) });
  }
  expect(saidOf('export const k')).toEqual([]);
});

test('a committed test runs, and a silenced rule says why', () => {
  const counts = TEST.map((_, index) => ofTest.filter(({ line }) => line === index + 1).length);
  expect(counts).toEqual([0, 1, 1, 0, 0, 0, 2]);
});

test('files of more than 400 lines and functions of more than 60 are refused, comments counted; tests may be longer', () => {
  /** @param {typeof ofTest} messages */
  const tooLong = (messages) => messages.filter(({ ruleId }) => ruleId.startsWith('max-lines'));
  expect(tooLong(ofLongSource)).toMatchObject([
    { ruleId: 'max-lines-per-function', line: 62 },
    { ruleId: 'max-lines', line: 401 },
  ]);
  expect(tooLong(ofLongTest)).toEqual([]);
});

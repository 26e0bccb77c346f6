import { spawnSync } from 'node:child_process';
import { expect, jest, test } from '@jest/globals';
import { ROOT } from '../lib/workspace.mjs';

// eslint reads the types of the whole workspace, which takes its time on a machine that is busy.
jest.setTimeout(120_000);

/** Outside jest, whose module registry eslint's loading of its configuration does not suit. */
const LINT = `
import { ESLint } from 'eslint';
const [filePath, text] = process.argv.slice(1);
const [result] = await new ESLint().lintText(text, { filePath });
console.log(JSON.stringify(result.messages));
`;

/**
 * Lints lines as if they stood in a file of the checkout, and returns what eslint says.
 *
 * @param {string} file
 * @param {readonly string[]} lines
 * @returns {{ ruleId: string, line: number, message: string }[]}
 */
function messagesOf(file, lines) {
  const args = ['--input-type=module', '--eval', LINT, file, lines.join('\n')];
  // In a single run, as CI is taken for, typescript-eslint would read the file from the disk and not these lines.
  const env = { ...process.env, TSESTREE_SINGLE_RUN: 'false' };
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/**
 * As messagesOf, by line.
 *
 * @param {string} file
 * @param {readonly string[]} lines
 * @returns {Record<string, string[]>}
 */
function lint(file, lines) {
  const messages = messagesOf(file, lines);
  return Object.fromEntries(
    lines.map((text, index) => [
      text,
      messages.filter(({ line }) => line === index + 1).map(({ ruleId, message }) => `${ruleId}: ${message}`),
    ]),
  );
}

test('what a sans-IO package may not do is banned, with what to do instead', () => {
  const found = lint('packages/scheduler/src/index.ts', [
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
  ]);
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
    const [, said = []] = Object.entries(found).find(([text]) => text.includes(line)) ?? [];
    expect({ line, said: said.join('\n') }).toEqual({ line, said: expect.stringContaining(message) });
  }
  expect(found['export const k: ReadonlyMap<string, number> = new Map();']).toEqual([]);
});

test('a committed test runs, and a silenced rule says why', () => {
  const found = Object.values(
    lint('packages/wire/src/ids/ids.test.ts', [
      "import { test } from '@jest/globals';",
      'test.only("a", () => undefined);',
      '// eslint-disable-next-line no-console',
      'test("b", () => console.log(1));',
      '// eslint-disable-next-line no-console -- to see it',
      'test("c", () => console.log(1));',
      'test("d", () => new Promise((resolve) => setTimeout(resolve, Math.random())));',
    ]),
  );
  expect(found.map((messages) => messages.length)).toEqual([0, 1, 1, 0, 0, 0, 2]);
});

test('files of more than 400 lines and functions of more than 60 are refused, comments counted; tests may be longer', () => {
  /** @param {number} count Lines of the method, its head and its closing brace counted. */
  const method = (count) => [`  of${count}() {`, ...Array(count - 2).fill('    // one line'), '  }'];
  const code = ['export class Thing {', ...method(60), ...method(61), '}'];
  const text = [...code, ...Array(401 - code.length).fill('// one line'), ''];
  /** @param {string} file */
  const tooLong = (file) => messagesOf(file, text).filter(({ ruleId }) => ruleId.startsWith('max-lines'));
  expect(tooLong('packages/wire/src/index.ts')).toMatchObject([
    { ruleId: 'max-lines-per-function', line: 62 },
    { ruleId: 'max-lines', line: 401 },
  ]);
  expect(tooLong('packages/wire/src/ids/ids.test.ts')).toEqual([]);
});

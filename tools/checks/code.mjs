import { build } from '../lib/build.mjs';
import { fromRun } from '../lib/result.mjs';
import { BIN, runNode } from '../lib/run.mjs';

/** @type {import('../lib/result.mjs').Check} */
export async function checkBuild(root) {
  return fromRun(await build(root));
}

/**
 * jest does not look at types, and the build leaves tests and tools out.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkTypes(root) {
  const tests = await runNode(BIN.tsc, ['-p', 'tsconfig.tests.json'], { cwd: root });
  const tools = await runNode(BIN.tsc, ['-p', 'tools'], { cwd: root });
  // The pure cores once more, without the types of Node.
  const session = await runNode(BIN.tsc, ['-p', 'packages/session/tsconfig.core.json'], { cwd: root });
  const discovery = await runNode(BIN.tsc, ['-p', 'packages/discovery/tsconfig.core.json'], { cwd: root });
  const all = [tests, tools, session, discovery];
  return fromRun({
    code: all.reduce((sum, { code }) => sum + code, 0),
    stdout: '',
    output: all.map(({ output }) => output).join(''),
  });
}

/** @type {import('../lib/result.mjs').Check} */
export async function checkLint(root) {
  const result = await runNode(BIN.eslint, ['.', '--max-warnings', '0'], { cwd: root });
  return fromRun(result, '`pnpm lint --fix` mends what can be mended without thinking.');
}

/** Hand-written sources. Everything else is laid out by the tool that writes it. */
const FORMATTED = ['**/*.{ts,mjs,cjs,json,md}', '.prettierrc.json', '.github/**/*.yml'];

/** @type {import('../lib/result.mjs').Check} */
export async function checkFormat(root) {
  const args = ['--log-level', 'warn', '--no-error-on-unmatched-pattern', ...FORMATTED];
  return fromRun(await runNode(BIN.prettier, ['--check', ...args], { cwd: root }), '`pnpm format` writes them so.');
}

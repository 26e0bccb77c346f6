import { spawn } from 'node:child_process';
import { ROOT, readJson } from './workspace.mjs';
import { join, resolve as resolvePath } from 'node:path';

/**
 * @typedef {object} RunResult
 * @property {number} code Exit status; 128 when a signal ended the process.
 * @property {string} stdout
 * @property {string} output stdout and stderr, as they came.
 */

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] Default: the root of the checkout.
 * @property {'stderr'} [live] Shows what comes on stderr as it comes, besides collecting it.
 * @property {number} [timeoutMs]
 * @property {NodeJS.ProcessEnv} [env] Added to the environment.
 */

/**
 * Runs a program to its end. Rejects only when it cannot be started.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, { cwd = ROOT, live, timeoutMs, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text;
      if (live === 'stderr') process.stderr.write(text);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code: code ?? 128, stdout, output });
    });
  });
}

/**
 * Runs a script with this Node.
 *
 * @param {string} script Absolute, or relative to the root of the checkout.
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runNode(script, args, options) {
  return run(process.execPath, [resolvePath(ROOT, script), ...args], options);
}

/** Where the programs of the development dependencies are; started directly, so that no npx stands between. */
export const BIN = {
  attw: 'node_modules/@arethetypeswrong/cli/dist/index.js',
  buf: 'node_modules/@bufbuild/buf/bin/buf',
  eslint: 'node_modules/eslint/bin/eslint.js',
  jest: 'node_modules/jest/bin/jest.js',
  knip: 'node_modules/knip/bin/knip.js',
  prettier: 'node_modules/prettier/bin/prettier.cjs',
  tsc: 'node_modules/typescript/bin/tsc',
};

/**
 * Runs pnpm: the one that runs this script, or else the version in package.json.
 *
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runPnpm(args, options) {
  const current = process.env['npm_execpath'];
  if (current !== undefined && /[\\/]pnpm(\.exe)?$/.test(current)) return run(current, args, options);
  if (current !== undefined && /[\\/]pnpm\.[cm]?js$/.test(current)) {
    return run(process.execPath, [current, ...args], options);
  }
  const { packageManager } = /** @type {{ packageManager: string }} */ (readJson(join(ROOT, 'package.json')));
  return run('npx', ['-y', packageManager, ...args], options);
}

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const resolve = (specifier: string): string => createRequire(import.meta.url).resolve(specifier);

function run(args: readonly string[]): { status: number | null; output: string } {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.tests.json'), NODE_OPTIONS: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: HERE,
    env,
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, output: stdout + stderr };
}

test('the chaos test passes under node:test', () => {
  const { status, output } = run(['--import', resolve('tsx'), '--test', join(HERE, 'echo.node.ts')]);
  expect(output).toMatch(/^# pass 1$/m);
  expect(status).toBe(0);
}, 150_000);

test('and under vitest', () => {
  const config = join(HERE, '..', 'test-support', 'vitest.config.mjs');
  const vitest = join(dirname(resolve('vitest/package.json')), 'vitest.mjs');
  const { status, output } = run([
    vitest,
    'run',
    '--config',
    config,
    '--dir',
    HERE,
    '--no-file-parallelism',
    'echo.vitest',
  ]);
  expect(output).toContain('1 passed');
  expect(status).toBe(0);
}, 150_000);

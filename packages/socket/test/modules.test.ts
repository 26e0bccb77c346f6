import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const TSC = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
const PROJECT = fileURLToPath(new URL('types/tsconfig.json', import.meta.url));

test('a program in CommonJS requires it, and replaces its members', async () => {
  const file = fileURLToPath(new URL('programs/requires.cjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', file]);
  expect(stdout).toBe('replaced hello');
}, 30_000);

test('to TypeScript, sockets, servers and the whole module pass for those of node:net', async () => {
  const compiled = promisify(execFile)(process.execPath, [TSC, '--project', PROJECT]);
  // It prints what is wrong.
  await expect(compiled.catch((error: unknown) => error)).resolves.toMatchObject({ stdout: '' });
}, 60_000);

/** `pnpm example NAME`: runs one of examples/ from its sources. Without a name, or with a wrong one, says which there are. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from './lib/workspace.mjs';

const EXAMPLES = join(ROOT, 'examples');

/** @param {string} name */
const mainOf = (name) => join(EXAMPLES, name, 'main.ts');
const names = readdirSync(EXAMPLES).filter((name) => existsSync(mainOf(name)));
const [name, ...rest] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  const tsx = createRequire(import.meta.url).resolve('tsx/cli');
  const tsconfig = join(ROOT, 'tsconfig.tests.json');
  const { status } = spawnSync(process.execPath, [tsx, '--tsconfig', tsconfig, mainOf(name), ...rest], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} else {
  process.stderr.write(`usage: pnpm example NAME, where NAME is one of ${names.join(', ')}\n`);
  process.exitCode = 64; // EX_USAGE of sysexits.h
}

/**
 * `pnpm sim …`: compiles the simulator with what it runs, then runs it in this very process, so that its signals and its
 * exit status are its own. docs/simulation.md says what it does.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './lib/build.mjs';
import { BIN, runNode } from './lib/run.mjs';
import { ROOT } from './lib/workspace.mjs';

const SIMULATOR = join(ROOT, 'packages', 'session', 'sim');

const { code, output } = (await buildIfStale()) ? await runNode(BIN.tsc, ['-b', SIMULATOR]) : { code: 1, output: '' };
if (code === 0) {
  await import(pathToFileURL(join(SIMULATOR, 'dist', 'sim', 'main.js')).href);
} else {
  process.stderr.write(`${output}sim: the checkout does not build; the lines above say where.\n`);
  process.exitCode = 70; // EX_SOFTWARE of sysexits.h
}

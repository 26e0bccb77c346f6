/**
 * `pnpm kwik …`: the `kwik` command from a checkout. Builds what is missing or stale, then runs the command in this very
 * process, so that its signals and its exit status are the command's own.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './lib/build.mjs';
import { ROOT } from './lib/workspace.mjs';

if (await buildIfStale()) {
  returnToCaller();
  const bin = join(ROOT, 'packages', 'cli', 'dist', 'bin.js');
  process.argv[1] = bin;
  await import(pathToFileURL(bin).href);
} else {
  process.stderr.write('kwik: the checkout does not build; the lines above say where.\n');
  process.exitCode = 70; // EX_SOFTWARE of sysexits.h
}

/** pnpm runs scripts in the root; file names on the command line are meant from where the user stands. */
function returnToCaller() {
  const caller = process.env['INIT_CWD'];
  const underPnpm = ['kwik', 'demo'].includes(process.env['npm_lifecycle_event'] ?? '');
  if (underPnpm && caller !== undefined && process.cwd() === ROOT) process.chdir(caller);
}

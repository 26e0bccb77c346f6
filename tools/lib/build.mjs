import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundlePackages } from './bundle.mjs';
import { BIN, runNode } from './run.mjs';
import { ROOT, entryPoints, listPackages } from './workspace.mjs';

/**
 * Its time is when the last good build began.
 *
 * @param {string} root
 */
const stampOf = (root) => join(root, '.tmp', 'build-stamp');

/**
 * Builds all packages if a source is newer than the last build or a build is missing; silent unless it fails.
 *
 * @returns {Promise<boolean>} Whether the packages are built. When not, the compiler's words are on stderr.
 */
export async function buildIfStale() {
  if (isFresh(ROOT)) return true;
  const { code, output } = await build(ROOT);
  if (code === 0) return true;
  process.stderr.write(output);
  return false;
}

/**
 * Compiles all packages, and joins the modules of each.
 *
 * @param {string} root
 * @returns {Promise<import('./run.mjs').RunResult>} The compiler's.
 */
export async function build(root) {
  const startedAt = new Date();
  const compiled = await runNode(BIN.tsc, ['-b'], { cwd: root });
  if (compiled.code !== 0) return compiled;
  await bundlePackages(root);
  stampBuild(root, startedAt);
  return compiled;
}

/**
 * Notes a good build. A file saved while the compiler ran is newer than the note, and so built the next time.
 *
 * @param {string} root
 * @param {Date} startedAt
 */
export function stampBuild(root, startedAt) {
  const stamp = stampOf(root);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}

/**
 * Whether every package is built, and nothing that the build reads has changed since. Asks the file system only: the
 * compiler would take a second to say the same.
 *
 * @param {string} root
 */
export function isFresh(root) {
  const stamp = stampOf(root);
  if (!existsSync(stamp)) return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  const packages = listPackages(root);
  const outputs = packages.flatMap(({ dir, manifest }) =>
    [
      ...entryPoints(manifest).map(({ source }) => source.replace(/^src\/(.*)\.ts$/, 'dist/$1.js')),
      ...Object.values(manifest.bin ?? {}),
    ].map((file) => join(dir, file)),
  );
  const configs = ['tsconfig.json', 'tsconfig.base.json', 'pnpm-lock.yaml'].map((file) => join(root, file));
  const sources = packages.flatMap(({ dir }) =>
    ['package.json', 'tsconfig.json', 'src'].map((name) => join(dir, name)),
  );
  return (
    outputs.every((file) => existsSync(file)) && [...configs, ...sources].every((path) => newestMs(path) <= builtAtMs)
  );
}

/**
 * The latest change in a file or a tree, in ms. Folders count too: their time tells of files removed.
 *
 * @param {string} path
 * @returns {number}
 */
function newestMs(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  // Gone since it was listed: somebody is at work here.
  if (stats === undefined) return Infinity;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stats.mtimeMs);
}

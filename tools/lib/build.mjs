import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BIN, runNode } from './run.mjs';
import { ROOT, entryPoints, listPackages } from './workspace.mjs';

/** Its time is that of the sources that the build has seen. */
const STAMP = join(ROOT, '.tmp', 'build-stamp');

/**
 * Builds all packages if a source is newer than the last build or a build is missing; silent unless it fails.
 *
 * @returns {Promise<boolean>} Whether the packages are built. When not, the compiler's words are on stderr.
 */
export async function buildIfStale() {
  if (isFresh()) return true;
  const startedAt = new Date();
  const { code, output } = await runNode(BIN.tsc, ['-b']);
  if (code !== 0) {
    process.stderr.write(output);
    return false;
  }
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, '');
  // A file saved while the compiler ran is newer than the stamp, and so built the next time.
  utimesSync(STAMP, startedAt, startedAt);
  return true;
}

function isFresh() {
  if (!existsSync(STAMP)) return false;
  const builtAtMs = statSync(STAMP).mtimeMs;
  const packages = listPackages();
  const built = packages.every(({ dir, manifest }) =>
    entryPoints(manifest).every(({ source }) => existsSync(join(dir, source.replace(/^src\/(.*)\.ts$/, 'dist/$1.js')))),
  );
  const configs = ['tsconfig.json', 'tsconfig.base.json', 'pnpm-lock.yaml'].map((file) => join(ROOT, file));
  const sources = packages.flatMap(({ dir }) =>
    ['package.json', 'tsconfig.json', 'src'].map((name) => join(dir, name)),
  );
  return built && [...configs, ...sources].every((path) => newestMs(path) <= builtAtMs);
}

/**
 * The latest change in a file or a tree, in ms. Folders count too: their time tells of files removed.
 *
 * @param {string} path
 * @returns {number}
 */
function newestMs(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stats.mtimeMs);
}

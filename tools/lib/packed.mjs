import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, runPnpm } from './run.mjs';

/**
 * @typedef {import('./workspace.mjs').Package} Package
 * @typedef {{ filename: string, files: { path: string }[] }} Packed What `pnpm pack` says of a tarball.
 */

/**
 * Packs a package, and unpacks it into `node_modules` of a folder, as if it were installed there. The package must be built.
 *
 * @param {Package} item
 * @param {string} folder
 * @returns {Promise<{ packed: Packed, installed: string } | string>} Or what went wrong.
 */
export async function unpackInto({ dir, manifest }, folder) {
  const packing = await runPnpm(['pack', '--json', '--pack-destination', folder], { cwd: dir });
  if (packing.code !== 0) return `pnpm pack failed\n${packing.output}`;
  const packed = /** @type {Packed} */ (JSON.parse(packing.stdout.slice(packing.stdout.indexOf('{'))));
  const installed = join(folder, 'node_modules', manifest.name);
  mkdirSync(installed, { recursive: true });
  const untar = await run('tar', ['-xzf', packed.filename, '-C', installed, '--strip-components=1']);
  return untar.code === 0 ? { packed, installed } : untar.output;
}

/**
 * Lets unpacked packages see the dependencies of others that they declare, and no more; optional ones where this machine has
 * them, as for users.
 *
 * @param {readonly Package[]} packages
 * @param {string} folder
 */
export function linkDependencies(packages, folder) {
  for (const { dir, manifest } of packages) {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    for (const dependency of declared.filter((each) => !each.startsWith('@kwik/'))) {
      const target = join(dir, 'node_modules', dependency);
      if (manifest.optionalDependencies?.[dependency] !== undefined && !existsSync(target)) continue;
      const link = join(folder, 'node_modules', manifest.name, 'node_modules', dependency);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(target, link);
    }
  }
}

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * What the tools read of a package.json.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private] Never published.
 * @property {Record<string, { types: string, default: string } | string>} [exports]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [bin]
 */

/**
 * @typedef {object} Package
 * @property {string} name Folder name, and name in the layer table: `wire`.
 * @property {string} dir Absolute path of the folder.
 * @property {Manifest} manifest
 */

/**
 * An import path of a package and the source it stands for, relative to the package: `@kwik/wire`, `src/index.ts`.
 *
 * @typedef {{ specifier: string, source: string }} EntryPoint
 */

/**
 * The packages of a tree, by name.
 *
 * @param {string} [root]
 * @returns {Package[]}
 */
export function listPackages(root = ROOT) {
  const parent = join(root, 'packages');
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(parent, entry.name, 'package.json')))
    .map((entry) => ({ name: entry.name, dir: join(parent, entry.name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, dir }) => ({ name, dir, manifest: readJson(join(dir, 'package.json')) }));
}

/**
 * The import paths that a package offers; each is `dist/….js` in `exports` and has its source at `src/….ts`.
 *
 * @param {Manifest} manifest
 * @returns {EntryPoint[]}
 */
export function entryPoints(manifest) {
  return Object.entries(manifest.exports ?? {}).flatMap(([path, target]) => {
    const file = typeof target === 'string' ? target : target.default;
    const source = /^\.\/dist\/(.+)\.js$/.exec(file)?.[1];
    return source === undefined ? [] : [{ specifier: manifest.name + path.slice(1), source: `src/${source}.ts` }];
  });
}

/**
 * @param {string} file
 * @returns {any} Whatever the file holds: the caller names the type.
 */
export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { consumerProblems } from '../lib/consumers.mjs';
import { linkDependencies, unpackInto } from '../lib/packed.mjs';
import { fromProblems } from '../lib/result.mjs';
import { sizeProblems } from '../lib/size-budgets.mjs';
import { BIN, run, runNode } from '../lib/run.mjs';
import { entryPoints, listPackages, readJson } from '../lib/workspace.mjs';

/** @typedef {import('../lib/workspace.mjs').Package} Package */

const BESIDE_DIST = new Set(['package.json', 'README.md', 'LICENSE']);
/** What a browser runs as it stands. */
const BROWSER_FILE = /^page\/[\w-]+\.(html|css|mjs|svg)$/;

/**
 * What users install: each package is packed, its tarball looked at, unpacked into an empty project, and imported there,
 * as compilers and bundlers do, too.
 * The packages must be built.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkPackages(root) {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.tmp', 'packages-'));
  try {
    // Private ones are never packed.
    const packages = listPackages(root).filter(({ manifest }) => manifest.private !== true);
    /** @type {string[]} */
    const problems = [];
    for (const each of packages) problems.push(...(await tarballProblems(each, scratch)));
    problems.push(...(await importProblems(packages, scratch)));
    return fromProblems(problems, `${packages.length} tarballs`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Packs a package, unpacks it as if installed, and returns what is wrong with the tarball.
 *
 * @param {Package} item
 * @param {string} scratch
 * @returns {Promise<string[]>}
 */
async function tarballProblems(item, scratch) {
  const { name, dir, manifest } = item;
  const unpacked = await unpackInto(item, scratch);
  if (typeof unpacked === 'string') return [`packages/${name}: ${unpacked}`];
  const { packed, installed } = unpacked;
  const attw = await runNode(BIN.attw, [packed.filename, '--profile', 'esm-only', '--format', 'ascii', '--no-color']);
  return [
    ...contentProblems(
      dir,
      packed.files.map(({ path }) => path),
    ),
    ...manifestProblems(readJson(join(installed, 'package.json'))),
    ...sizeProblems(name, statSync(packed.filename).size),
    ...(await publintProblems(packed.filename, manifest)),
    ...(attw.code === 0 ? [] : [`attw: ${attw.output}`]),
  ].map((problem) => `packages/${name}: ${problem}`);
}

/**
 * @param {string} dir
 * @param {readonly string[]} paths
 */
function contentProblems(dir, paths) {
  const stray = paths.filter((path) => !path.startsWith('dist/') && !BESIDE_DIST.has(path) && !BROWSER_FILE.test(path));
  const unwanted = paths.filter((path) => /\.(tsbuildinfo|map)$|\.test\.(js|d\.ts)$|\/test-support\//.test(path));
  const orphans = paths.filter((path) => {
    // Joined modules have names of their own, and what an earlier build left of them is gone; declarations stay.
    const stem = /^dist\/(.+)\.d\.ts$/.exec(path)?.[1];
    return stem !== undefined && !existsSync(join(dir, 'src', `${stem}.ts`));
  });
  const missing = [...BESIDE_DIST].filter((path) => !paths.includes(path));
  return [
    ...[...stray, ...unwanted].map((path) => `${path} does not belong into the tarball`),
    ...orphans.map((path) => `${path} is built from a source that is gone: run \`pnpm clean\``),
    ...missing.map((path) => `${path} is missing from the tarball`),
  ];
}

/**
 * A published manifest names no workspace: pnpm has put real ranges.
 *
 * @param {import('../lib/workspace.mjs').Manifest} manifest
 */
function manifestProblems(manifest) {
  return Object.entries(manifest.dependencies ?? {})
    .filter(([, range]) => /^(workspace|link|file):/.test(range))
    .map(([dependency, range]) => `the packed package.json says ${dependency}: ${range}`);
}

/**
 * @param {string} tarball
 * @param {import('../lib/workspace.mjs').Manifest} manifest
 */
async function publintProblems(tarball, manifest) {
  const bytes = new Uint8Array(readFileSync(tarball)).buffer;
  const { messages } = await publint({ strict: true, level: 'warning', pack: { tarball: bytes } });
  return messages.map((message) => `publint: ${formatMessage(message, manifest) ?? message.code}`);
}

/**
 * Every entry point is imported from the unpacked tarballs, which see each other and what they declare, and no more.
 *
 * @param {readonly Package[]} packages
 * @param {string} scratch
 */
async function importProblems(packages, scratch) {
  linkDependencies(packages, scratch);
  const specifiers = packages.flatMap(({ manifest }) => entryPoints(manifest).map(({ specifier }) => specifier));
  const script = join(scratch, 'import-all.mjs');
  writeFileSync(script, importAll(specifiers));
  // Importing does nothing: it ends by itself, at once.
  const { code, output } = await run(process.execPath, [script], { cwd: scratch, timeoutMs: 30_000 });
  if (code !== 0) return [`importing the packed packages failed or did not end:\n${output}`];
  return consumerProblems(scratch, specifiers);
}

/** @param {readonly string[]} specifiers */
const importAll = (specifiers) => `
for (const specifier of ${JSON.stringify(specifiers)}) {
  await import(specifier).catch((error) => {
    console.error(specifier + ': ' + error.message);
    process.exitCode = 1;
  });
}
`;

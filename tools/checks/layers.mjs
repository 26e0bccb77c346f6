import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import { LAYERS, TEST_FILE, TEST_LAYERS } from '../lib/layers.mjs';
import { fromProblems } from '../lib/result.mjs';
import { listPackages, readJson } from '../lib/workspace.mjs';

/**
 * @typedef {import('../lib/workspace.mjs').Package} Package
 * @typedef {import('dependency-cruiser').IModule} Module
 */

/**
 * The direction of imports, and what package.json says of it. Reads sources; imports of other packages are resolved
 * through their `exports` to `dist`, as a user's would be, so the packages must be built.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkLayers(root) {
  const packages = listPackages(root);
  const found = packages.flatMap((each) => [...manifestProblems(each), ...referenceProblems(root, each)]);
  const modules = await cruiseSources(root, packages);
  const sources = modules.modules.filter(({ source }) => /^packages\/[^/]+\/src\//.test(source));
  const unseen = packages.filter(({ name }) => !sources.some(({ source }) => source.startsWith(`packages/${name}/`)));
  const problems = [
    ...found,
    ...unseen.map(({ name }) => `packages/${name}: no module was seen; the rule would pass blind`),
    ...modules.summary.violations.map(({ from, to, rule }) => `${from} → ${to}: ${describe(rule.name)}`),
    ...packages.flatMap((each) => importProblems(root, each, modules.modules)),
  ];
  return fromProblems([...new Set(problems)].sort(), `${sources.length} modules`);
}

/** @type {Readonly<Record<string, string>>} */
const RULES = {
  layer: 'the layer table (tools/lib/layers.mjs) does not allow this import',
  'core-without-io': 'the core of the session is sans-IO and does not know the driver',
  'front-door': 'import another package by its name, not by its files',
  unresolvable: 'cannot be resolved (are the packages built?)',
  circular: 'imports in a circle',
};

/** @param {string} rule */
const describe = (rule) => RULES[rule.replace(/:.*/, '')] ?? rule;

/**
 * @param {string} root
 * @param {readonly Package[]} packages
 */
async function cruiseSources(root, packages) {
  const tests = TEST_FILE.source;
  const layers = packages.flatMap(({ name }) => {
    const row = [name, ...(LAYERS[name] ?? [])];
    const own = `^packages/${name}/`;
    return [
      rule(`layer:${name}`, { path: own, pathNot: tests }, { path: '^packages/', pathNot: below(row) }),
      rule(`layer:${name}:test`, { path: own }, { path: '^packages/', pathNot: below([...row, ...TEST_LAYERS]) }),
    ];
  });
  const forbidden = [
    ...layers,
    rule('core-without-io', { path: '^packages/session/src/core/', pathNot: tests }, { path: below(['quic']) }),
    rule('front-door', { path: '^packages/([^/]+)/' }, { path: '^packages/[^/]+/src/', pathNot: '^packages/$1/' }),
    rule('unresolvable', {}, { couldNotResolve: true }),
    // Types alone have no load order, and two ends of a seam may name each other's.
    rule('circular', { pathNot: tests }, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
  ];
  const folders = packages.flatMap(({ name }) => ['src', 'test', 'bench'].map((part) => `packages/${name}/${part}`));
  const { output } = await cruise(
    folders.filter((folder) => existsSync(join(root, folder))),
    {
      baseDir: root,
      ruleSet: { forbidden },
      validate: true,
      // Type-only imports are imports too: a layer that knows another's types depends on it.
      tsPreCompilationDeps: true,
      doNotFollow: { path: ['node_modules', '^packages/[^/]+/dist'] },
      exclude: { path: '^packages/wire/src/gen/' },
    },
    { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  );
  return /** @type {import('dependency-cruiser').ICruiseResult} */ (output);
}

/**
 * @param {string} name
 * @param {object} from
 * @param {object} to
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
const rule = (name, from, to) => ({ name, severity: 'error', from, to });

/** @param {readonly string[]} names */
const below = (names) => `^packages/(${names.join('|')})/`;

/**
 * What package.json may name: packages of the row, and those for tests under devDependencies.
 *
 * @param {Package} item
 */
function manifestProblems({ name, manifest }) {
  const row = LAYERS[name];
  if (row === undefined) return [`packages/${name} has no row in the layer table (tools/lib/layers.mjs)`];
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
  const wrong = kwikNames(shipped).filter((other) => !row.includes(other));
  const wrongForTests = kwikNames(manifest.devDependencies).filter(
    (other) => ![...row, ...TEST_LAYERS].includes(other),
  );
  return [...wrong, ...wrongForTests].map(
    (other) => `packages/${name}/package.json: the layer table does not allow @kwik/${other}`,
  );
}

/**
 * `tsc -b` builds in the order of the references, so they are the dependencies.
 *
 * @param {string} root
 * @param {Package} item
 */
function referenceProblems(root, { name, dir, manifest }) {
  /** @param {string} file */
  const references = (file) =>
    /** @type {{ references?: { path: string }[] }} */ (readJson(file)).references?.map(({ path }) => path) ?? [];
  const expected = kwikNames(manifest.dependencies).map((other) => `../${other}`);
  const actual = references(join(dir, 'tsconfig.json'));
  const problems = [];
  if ([...expected].sort().join() !== [...actual].sort().join()) {
    problems.push(`packages/${name}/tsconfig.json: references are not the @kwik dependencies of package.json`);
  }
  if (!references(join(root, 'tsconfig.json')).includes(`packages/${name}`)) {
    problems.push(`tsconfig.json: packages/${name} is not referenced, and so not built`);
  }
  return problems;
}

/**
 * Each import is declared, and each declaration imported.
 *
 * @param {string} root
 * @param {Package} item
 * @param {readonly Module[]} modules
 */
function importProblems(root, { name, manifest }, modules) {
  const workspace = /** @type {import('../lib/workspace.mjs').Manifest} */ (readJson(join(root, 'package.json')));
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
  const forTests = { ...shipped, ...manifest.devDependencies, ...workspace.devDependencies };
  const own = modules.filter(({ source }) => source.startsWith(`packages/${name}/`) && !source.includes('/dist/'));
  const imports = own.flatMap(({ source, dependencies }) =>
    dependencies
      .filter(({ module, coreModule }) => !coreModule && !module.startsWith('.') && !module.startsWith('node:'))
      .map(({ module }) => ({ source, dependency: packageOf(module) })),
  );
  const used = new Set(imports.map(({ dependency }) => dependency));
  const undeclared = imports.filter(({ source, dependency }) => {
    const declared = TEST_FILE.test(source) ? forTests : shipped;
    return dependency !== manifest.name && !(dependency in declared);
  });
  return [
    ...undeclared.map(({ source, dependency }) => `${source}: ${dependency} is not in the package's dependencies`),
    ...Object.keys(manifest.dependencies ?? {})
      .filter((dependency) => !used.has(dependency) && !isUsedByGeneratedCode(name, dependency))
      .map((dependency) => `packages/${name}/package.json: nothing imports ${dependency}`),
  ];
}

/**
 * Generated code is not cruised; it imports this.
 *
 * @param {string} name
 * @param {string} dependency
 */
const isUsedByGeneratedCode = (name, dependency) => name === 'wire' && dependency === '@bufbuild/protobuf';

/** @param {Record<string, string> | undefined} dependencies */
const kwikNames = (dependencies = {}) =>
  Object.keys(dependencies)
    .filter((dependency) => dependency.startsWith('@kwik/'))
    .map((dependency) => dependency.slice('@kwik/'.length));

/**
 * `@scope/name/sub/path` → `@scope/name`.
 *
 * @param {string} specifier
 */
const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

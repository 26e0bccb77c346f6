import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import { LAYERS_PAGE, withLayerTables } from '../lib/layer-tables.mjs';
import { FOLDERS, TEST_FILE, TEST_LAYERS, WITHOUT_CIRCLES, importsOf } from '../lib/layers.mjs';
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
 * @param {string} root
 * @param {import('../lib/layers.mjs').FolderTables} [folders]
 * @returns {Promise<import('../lib/result.mjs').CheckResult>}
 */
export async function checkLayers(root, folders = FOLDERS) {
  const packages = listPackages(root);
  const found = packages.flatMap((each) => [...manifestProblems(each), ...referenceProblems(root, each)]);
  const modules = await cruiseSources(root, packages, folders);
  const sources = modules.modules.filter(({ source }) => /^packages\/[^/]+\/src\//.test(source));
  const unseen = packages.filter(({ name }) => !sources.some(({ source }) => source.startsWith(`packages/${name}/`)));
  const problems = [
    ...found,
    ...unseen.map(({ name }) => `packages/${name}: no module was seen; the rule would pass blind`),
    ...modules.summary.violations.map(({ from, to, rule }) => `${from} → ${to}: ${describe(rule.name)}`),
    ...packages.flatMap((each) => importProblems(root, each, modules.modules)),
    ...packages.flatMap(({ name }) => folderProblems(name, folders[name] ?? {}, sources)),
    ...pageProblems(root),
  ];
  return fromProblems([...new Set(problems)].sort(), `${sources.length} modules`);
}

/** @type {Readonly<Record<string, string>>} */
const RULES = {
  layer: 'the layer table (tools/lib/layers.mjs) does not allow this import',
  folder: "the layer table of the package's folders (tools/lib/layers.mjs) does not allow this import",
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
 * @param {import('../lib/layers.mjs').FolderTables} folderTables
 */
async function cruiseSources(root, packages, folderTables) {
  const tests = TEST_FILE.source;
  const layers = packages.flatMap(({ name }) => {
    const row = [name, ...(importsOf(name) ?? [])];
    const own = `^packages/${name}/`;
    return [
      rule(`layer:${name}`, { path: own, pathNot: tests }, { path: '^packages/', pathNot: below(row) }),
      rule(`layer:${name}:test`, { path: own }, { path: '^packages/', pathNot: below([...row, ...TEST_LAYERS]) }),
    ];
  });
  const forbidden = [
    ...layers,
    ...packages.flatMap(({ name }) => folderRules(name, folderTables[name] ?? {})),
    rule('core-without-io', { path: '^packages/session/src/core/', pathNot: tests }, { path: below(['quic']) }),
    rule('front-door', { path: '^packages/([^/]+)/' }, { path: '^packages/[^/]+/src/', pathNot: '^packages/$1/' }),
    rule('unresolvable', {}, { couldNotResolve: true }),
    // Types alone have no load order, and two ends of a seam may name each other's.
    rule('circular', { pathNot: tests }, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    rule('circular:types', { path: below(WITHOUT_CIRCLES), pathNot: tests }, { circular: true }),
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

/**
 * @param {string} name
 * @param {import('../lib/layers.mjs').FolderRows} rows
 * @returns {import('dependency-cruiser').IForbiddenRuleType[]}
 */
function folderRules(name, rows) {
  return Object.entries(rows).flatMap(([folder, row]) => {
    if (row === 'any') return [];
    const from = { path: ownedBy(name, rows, folder), pathNot: TEST_FILE.source };
    const pathNot = [folder, ...row].map((each) => ownedBy(name, rows, each));
    return [rule(`folder:${name}/${folder}`, from, { path: `^packages/${name}/src/`, pathNot })];
  });
}

/**
 * The files of a folder that has a row, without those of folders in it that have rows of their own.
 *
 * @param {string} name
 * @param {import('../lib/layers.mjs').FolderRows} rows
 * @param {string} folder
 */
function ownedBy(name, rows, folder) {
  const source = `^packages/${name}/src/`;
  if (folder === '.') return `${source}[^/]+$`;
  const inner = Object.keys(rows).filter((other) => other.startsWith(`${folder}/`));
  return `${source}${folder}/${inner.map((other) => `(?!${other.slice(folder.length + 1)}/)`).join('')}`;
}

/**
 * Each file is owned by a row, and each row by a folder; a row names rows.
 *
 * @param {string} name
 * @param {import('../lib/layers.mjs').FolderRows} rows
 * @param {readonly Module[]} sources
 */
function folderProblems(name, rows, sources) {
  if (Object.keys(rows).length === 0) return [];
  const files = sources
    .map(({ source }) => source)
    .filter((source) => source.startsWith(`packages/${name}/src/`) && !TEST_FILE.test(source));
  const owners = Object.keys(rows).map((folder) => ({ folder, files: new RegExp(ownedBy(name, rows, folder)) }));
  const unknown = Object.entries(rows).flatMap(([folder, row]) =>
    (row === 'any' ? [] : row).filter((other) => rows[other] === undefined).map((other) => `${folder} names ${other}`),
  );
  const table = `in the layer table of the folders of ${name} (tools/lib/layers.mjs)`;
  return [
    ...files
      .filter((source) => !owners.some((owner) => owner.files.test(source)))
      .map((source) => `${source}: its folder has no row ${table}`),
    ...owners
      .filter((owner) => !files.some((source) => owner.files.test(source)))
      .map(({ folder }) => `${folder} has a row and no files, ${table}`),
    ...unknown.map((fault) => `${fault}, which has no row, ${table}`),
  ];
}

/** @param {string} root */
function pageProblems(root) {
  const file = join(root, LAYERS_PAGE);
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return page === withLayerTables(page) ? [] : [`${LAYERS_PAGE} does not show the layer tables: run \`pnpm layers\``];
}

/** @param {readonly string[]} names */
const below = (names) => `^packages/(${names.join('|')})/`;

/**
 * What package.json may name: packages of the row, and those for tests under devDependencies.
 *
 * @param {Package} item
 */
function manifestProblems({ name, manifest }) {
  const row = importsOf(name);
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

/** Found by the path of its files, for a page that imports it in the browser. */
const SERVED_TO_BROWSERS = new Set(['uplot']);

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
      .filter((dependency) => !used.has(dependency) && !SERVED_TO_BROWSERS.has(dependency))
      .filter((dependency) => !isUsedByGeneratedCode(name, dependency))
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

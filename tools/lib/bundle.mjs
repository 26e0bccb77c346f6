import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { transform } from 'esbuild';
import { rollup } from 'rollup';
import { entryPoints, listPackages, readJson } from './workspace.mjs';

/** Says why another package cannot be imported, and so runs before that import: joined to its importer it would run after. */
const GOES_FIRST = { source: 'src/backends/native-support.ts', specifier: /\/native-support\.js$/ };

/**
 * Joins the modules of each package whose compiler writes declarations only: a file for each entry point, and for what
 * is loaded later or shared. Half of the time that `kwik` took to start went into finding and linking 500 small files.
 * Other packages stay imports, so that a program has each of them once.
 *
 * @param {string} root
 */
export async function bundlePackages(root) {
  for (const each of listPackages(root)) {
    if (isBundled(each.dir)) await bundlePackage(each);
  }
}

/** @param {string} dir Of a package. */
function isBundled(dir) {
  return readJson(join(dir, 'tsconfig.json')).compilerOptions?.emitDeclarationOnly === true;
}

/** @param {string} id As an import names it, or a file. */
const isOfPackage = (id) => !id.startsWith('.') && !isAbsolute(id);

/** @param {import('./workspace.mjs').Package} item */
async function bundlePackage({ dir, manifest }) {
  const sources = [
    ...entryPoints(manifest).map(({ source }) => source),
    ...Object.values(manifest.bin ?? {}).map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')),
  ];
  if (existsSync(join(dir, GOES_FIRST.source))) sources.push(GOES_FIRST.source);
  const bundle = await rollup({
    external: (id) => isOfPackage(id) || GOES_FIRST.specifier.test(id),
    input: Object.fromEntries(sources.map((source) => [source.replace(/^src\/(.*)\.ts$/, '$1'), join(dir, source)])),
    plugins: [TYPESCRIPT],
    onwarn: ({ message }) => {
      throw new Error(`${manifest.name}: ${message}`);
    },
  });
  const { output } = await bundle.write({
    dir: join(dir, 'dist'),
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundle.close();
  removeOthers(join(dir, 'dist'), new Set(output.map(({ fileName }) => fileName)));
}

/**
 * Sources as they stand, without their types: the compiler has checked those.
 *
 * @type {import('rollup').Plugin}
 */
const TYPESCRIPT = {
  name: 'typescript',
  resolveId(specifier, importer) {
    return importer === undefined ? null : resolve(dirname(importer), specifier.replace(/\.js$/, '.ts'));
  },
  load: (file) =>
    transform(readFileSync(file, 'utf8'), {
      loader: 'ts',
      sourcefile: file,
      sourcemap: true,
      target: 'node20',
      tsconfigRaw: { compilerOptions: { useDefineForClassFields: true, verbatimModuleSyntax: true } },
    }),
};

/**
 * What an earlier build left. Running programs have loaded what they need, or find the new files by the new names.
 *
 * @param {string} dist
 * @param {ReadonlySet<string>} kept
 */
function removeOthers(dist, kept) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (/\.js(\.map)?$/.test(name) && !kept.has(name)) rmSync(join(dist, name));
  }
}

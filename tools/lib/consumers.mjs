import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BIN, run, runNode } from './run.mjs';
import { ROOT } from './workspace.mjs';

/** What users' compilers are told. A module of CommonJS (`.cts`) awaits its imports. */
const COMPILERS = [
  { name: 'node16', files: ['module.mts', 'commonjs.cts'], options: { module: 'node16', moduleResolution: 'node16' } },
  { name: 'bundler', files: ['bundled.ts'], options: { module: 'esnext', moduleResolution: 'bundler' } },
];

/** Loaded by the bundle as they are: native, or optional. */
const EXTERNAL = ['@matrixai/quic', '@matrixai/quic/*', 'koffi'];

/**
 * What users of the unpacked packages in `scratch` would meet: types under each way of resolving modules, a bundle that
 * holds the packages and runs, and a machine for which there is no native binding.
 *
 * @param {string} scratch
 * @param {readonly string[]} specifiers Of all entry points.
 * @returns {Promise<string[]>}
 */
export async function consumerProblems(scratch, specifiers) {
  writeFileSync(join(scratch, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const typed = await Promise.all(COMPILERS.map((compiler) => typeProblems(scratch, specifiers, compiler)));
  const strange = specifiers.includes('@kwik/quic') ? await strangerProblems(scratch) : [];
  return [...typed.flat(), ...(await bundleProblems(scratch, specifiers)), ...strange];
}

/**
 * @param {string} scratch
 * @param {readonly string[]} specifiers
 * @param {typeof COMPILERS[number]} compiler
 */
async function typeProblems(scratch, specifiers, { name, files, options }) {
  for (const file of files) writeFileSync(join(scratch, file), importsFor(file, specifiers));
  const config = join(scratch, `tsconfig.${name}.json`);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2022', lib: ['es2023', 'esnext.disposable'], types: ['node'] },
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    // The packages' own types are checked, too: users who do not skip them would meet the errors.
    skipLibCheck: false,
    ...options,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const { code, output } = await runNode(BIN.tsc, ['-p', config, '--pretty', 'false'], { cwd: scratch });
  return code === 0 ? [] : [`types under ${name}:\n${output.trimEnd().split('\n').slice(0, 20).join('\n')}`];
}

/** @param {string} file @param {readonly string[]} specifiers */
function importsFor(file, specifiers) {
  const lines = file.endsWith('.cts')
    ? specifiers.map((each) => `void import('${each}').then((all) => all satisfies object);`)
    : specifiers.map((each, index) => `import * as all${index} from '${each}'; all${index} satisfies object;`);
  return `${lines.join('\n')}\n`;
}

/**
 * @param {string} scratch
 * @param {readonly string[]} specifiers
 */
async function bundleProblems(scratch, specifiers) {
  // etcd3 looks for files of its own beside its code: who bundles that entry leaves it out, as the package's README says.
  const libraries = specifiers.filter((each) => each !== '@kwik/cli' && each !== '@kwik/discovery/etcd');
  // Where what is external can be found from.
  const outfile = join(scratch, 'node_modules', '@kwik', 'quic', 'bundle.mjs');
  const contents = libraries.map((each, index) => `export * as all${index} from '${each}';`).join('\n');
  try {
    const { warnings } = await build({
      ...{ stdin: { contents, resolveDir: scratch }, bundle: true, outfile, external: EXTERNAL, logLevel: 'silent' },
      ...{ platform: 'node', format: 'esm', target: 'node20', banner: { js: REQUIRE } },
    });
    if (warnings.length > 0) return warnings.map(({ text }) => `esbuild warns: ${text}`);
  } catch (error) {
    return [`esbuild: ${String(error)}`];
  }
  const { code, output } = await run(process.execPath, [outfile], { cwd: scratch, timeoutMs: 30_000 });
  return code === 0 ? [] : [`the bundle that esbuild makes does not run:\n${output}`];
}

/** Some dependencies are CommonJS, and require what is built in. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/** @param {string} scratch */
async function strangerProblems(scratch) {
  const script = join(scratch, 'no-binding.mjs');
  writeFileSync(script, NO_BINDING);
  const { output } = await run(process.execPath, [script], { cwd: scratch, timeoutMs: 30_000 });
  const right = output.trim() === 'ERR_KWIK_UNSUPPORTED there is no native QUIC binding for linux-riscv64';
  return right ? [] : [`on a machine without native binding the import says:\n${output}`];
}

const NO_BINDING = `
Object.defineProperty(process, 'platform', { value: 'linux' });
Object.defineProperty(process, 'arch', { value: 'riscv64' });
await import('@kwik/quic').then(
  () => console.log('imported'),
  (error) => console.log(error.code, error.message.split(';')[0]),
);
`;

import { entryPoints, listPackages } from './tools/lib/workspace.mjs';

const packages = listPackages();

const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
  ],
};

// Tests run on TypeScript sources: @kwik/* maps to src, so that a test never sees a stale build.
/** @param {string} root The folder of the packages. */
const nameMapper = (root) =>
  Object.fromEntries([
    ...packages.flatMap(({ name, manifest }) =>
      entryPoints(manifest).map(({ specifier, source }) => [`^${specifier}$`, `${root}/${name}/${source}`]),
    ),
    ['^(\\.{1,2}/.*)\\.js$', '$1'],
  ]);
/** @param {string} folder That of the packages, as seen from the project's root. */
const moduleNameMapper = (folder) =>
  Object.fromEntries([
    ...packages.flatMap(({ name, manifest }) =>
      entryPoints(manifest).map(({ specifier, source }) => [`^${specifier}$`, `<rootDir>/${folder}/${name}/${source}`]),
    ),
    ['^(\\.{1,2}/.*)\\.js$', '$1'],
  ]);

// One project per package, one for the examples, and one for the tools.
export default {
  // As many as the smallest machine that runs the checks has; the integration tests measure time.
  maxWorkers: 2,
  // For machines that do much else at the time; no test waits for it.
  testTimeout: 30_000,
  projects: [
    ...packages.map(({ name }) => ({
      displayName: name,
      rootDir: `packages/${name}`,
      testEnvironment: 'node',
      testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts', '<rootDir>/sim/**/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      setupFiles: ['<rootDir>/../../tools/jest/property-seed.mjs'],
      transform,
      moduleNameMapper: moduleNameMapper('..'),
    })),
    {
      displayName: 'examples',
      rootDir: 'examples',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/**/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      transform,
      moduleNameMapper: moduleNameMapper('../packages'),
    },
    {
      displayName: 'fuzz',
      rootDir: 'tools/fuzz',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      transform,
      moduleNameMapper: nameMapper('<rootDir>/../../packages'),
    },
    {
      displayName: 'tools',
      rootDir: 'tools',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/test/**/*.test.mjs'],
      transform: {},
    },
  ],
};

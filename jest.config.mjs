import { entryPoints, listPackages } from './tools/lib/workspace.mjs';

const packages = listPackages();

const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
  ],
};

// Tests run on TypeScript sources: @kwik/* maps to src, so that a test never sees a stale build.
/** @param {string} folder That of the packages. */
const moduleNameMapper = (folder) =>
  Object.fromEntries([
    ...packages.flatMap(({ name, manifest }) =>
      entryPoints(manifest).map(({ specifier, source }) => [`^${specifier}$`, `${folder}/${name}/${source}`]),
    ),
    ['^(\\.{1,2}/.*)\\.js$', '$1'],
  ]);

// One project per package, one for the examples, and one for the tools.
export default {
  // As many as the smallest machine that runs the checks has; the integration tests measure time.
  maxWorkers: 2,
  // Modules of ended tests are never let go in this mode, and a heap full of them makes all that comes after it slower.
  workerIdleMemoryLimit: '700MB',
  // For machines that do much else at the time; no test waits for it.
  testTimeout: 90_000,
  projects: [
    ...packages.map(({ name }) => ({
      displayName: name,
      rootDir: `packages/${name}`,
      testEnvironment: 'node',
      testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts', '<rootDir>/sim/**/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      setupFiles: ['earlier-contexts', 'property-seed'].map((name) => `<rootDir>/../../tools/jest/${name}.mjs`),
      transform,
      moduleNameMapper: moduleNameMapper('<rootDir>/..'),
    })),
    {
      displayName: 'examples',
      rootDir: 'examples',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/**/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      setupFiles: ['<rootDir>/../tools/jest/earlier-contexts.mjs'],
      transform,
      moduleNameMapper: moduleNameMapper('<rootDir>/../packages'),
    },
    {
      displayName: 'fuzz',
      rootDir: 'tools/fuzz',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      setupFiles: ['<rootDir>/../jest/earlier-contexts.mjs'],
      transform,
      moduleNameMapper: moduleNameMapper('<rootDir>/../../packages'),
    },
    {
      displayName: 'tools',
      rootDir: 'tools',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/test/**/*.test.mjs'],
      setupFiles: ['<rootDir>/jest/earlier-contexts.mjs'],
      transform: {},
    },
  ],
};

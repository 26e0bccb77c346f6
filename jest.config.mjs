import { readdirSync } from 'node:fs';

// One project per package. Tests run on TypeScript sources: @kwik/* maps to src, so a test never sees a stale build.
const packages = readdirSync(new URL('./packages', import.meta.url));

export default {
  projects: packages.map((name) => ({
    displayName: name,
    rootDir: `packages/${name}`,
    testEnvironment: 'node',
    testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts'],
    extensionsToTreatAsEsm: ['.ts'],
    transform: {
      '^.+\\.ts$': [
        '@swc/jest',
        { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
      ],
    },
    moduleNameMapper: {
      '^@kwik/([a-z]+)$': '<rootDir>/../$1/src/index.ts',
      '^(\\.{1,2}/.*)\\.js$': '$1',
    },
  })),
};

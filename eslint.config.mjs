import { builtinModules } from 'node:module';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { SANS_IO } from './tools/lib/layers.mjs';
import { describedDisable } from './tools/lib/eslint-described-disable.mjs';
import {
  BUILTIN_PREFIX,
  ERROR_SYNTAX,
  SANS_IO_GLOBALS,
  SANS_IO_MODULES,
  SANS_IO_PROPERTIES,
  SANS_IO_SYNTAX,
  SOURCE_SYNTAX,
  STATE_SYNTAX,
  TEST_GLOBALS,
  TEST_MODULES,
  TEST_PROPERTIES,
  TEST_SYNTAX,
} from './tools/lib/eslint-bans.mjs';

const SOURCES = ['packages/*/src/**/*.ts'];
const TESTS = [
  '**/*.test.ts',
  '**/test-support/**/*.ts',
  'packages/*/test/**/*.ts',
  'packages/*/bench/**/*.ts',
  'packages/*/sim/**/*.ts',
  'tools/fuzz/**/*.ts',
  'tools/adversary/**/*.ts',
];
const SANS_IO_SOURCES = SANS_IO.map((part) => `packages/${part}/**/*.ts`);
const TOOLS = ['tools/**/*.mjs', '*.config.mjs'];

// A test tells one story, which may be long.
const MAY_BE_LONG = ['**/*.test.{ts,mjs}', '**/test-support/**', '**/test/**', '**/fixtures/**'];

// A drop-in for node:net has a default export because node:net has one, and throws node:net's errors.
const DROP_IN = ['packages/socket/src/**/*.ts'];
// Programs written for @matrixai/quic ask for its errors and events with `instanceof`: names and descent are its own.
const QUIC_SHAPED = ['packages/session/src/quic/**/*.ts'];
// Their errors are read by people or by tests, not matched by code.
const NO_ERROR_TABLE = [
  'packages/cli/src/**/*.ts',
  'packages/testbed/src/**/*.ts',
  'packages/bench/src/**/*.ts',
  ...DROP_IN,
];

/**
 * @param {readonly import('./tools/lib/eslint-bans.mjs').BannedSyntax[][]} lists
 * @returns {import('eslint').Linter.RulesRecord}
 */
const ban = (...lists) => ({ 'no-restricted-syntax': ['error', ...lists.flat()] });

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', '**/coverage/', '.tmp/', '.nx/', 'packages/wire/src/gen/'] },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' },
    plugins: { kwik: { rules: { 'described-disable': describedDisable } } },
    rules: { 'kwik/described-disable': 'error' },
  },
  js.configs.recommended,

  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ['tsconfig.tests.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/prefer-nullish-coalescing': 'error',
      '@typescript-eslint/prefer-optional-chain': 'error',
      // `_` says that a parameter is there for the signature only.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Numbers and bigints print as one expects; objects and undefined stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => emitter.off(…)` and `return checkRanges(frame)` in a switch read better than a block around one call.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // noUncheckedIndexedAccess asks for a `!` where a loop's bound already proves the element to be there.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An interface may ask for a promise, or an async iterator, where one implementation has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // Callbacks may be `() => void | Promise<void>`: the caller awaits what it gets.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // Loops that end by `return` or `break` on what arrives are the plain way to write a pump.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Spreading a string gives its code points, which is what text on a terminal needs.
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: 'string' }, 'string'] }],
      // Both spellings occur in Node's own interface; one overload per shape documents better than a union.
      '@typescript-eslint/unified-signatures': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-imports': ['error', { paths: BUILTIN_PREFIX(builtinModules) }],
      ...ban(SOURCE_SYNTAX),
    },
  },
  {
    files: SOURCES,
    ignores: TESTS,
    rules: {
      // Modified: a switch counts once, however many frame types it has.
      complexity: ['error', { max: 18, variant: 'modified' }],
      'max-depth': ['error', 4],
      'max-params': ['error', 6],
      ...ban(SOURCE_SYNTAX, STATE_SYNTAX, ERROR_SYNTAX),
    },
  },
  { files: NO_ERROR_TABLE, ignores: TESTS, rules: ban(SOURCE_SYNTAX, STATE_SYNTAX) },
  {
    files: SANS_IO_SOURCES,
    ignores: TESTS,
    rules: {
      'no-restricted-globals': ['error', ...SANS_IO_GLOBALS],
      'no-restricted-properties': ['error', ...SANS_IO_PROPERTIES],
      'no-restricted-imports': ['error', { paths: [...BUILTIN_PREFIX(builtinModules), ...SANS_IO_MODULES] }],
      ...ban(SOURCE_SYNTAX, STATE_SYNTAX, ERROR_SYNTAX, SANS_IO_SYNTAX),
    },
  },
  {
    // Each start of `kwik` loads these files, whatever the command: what a command needs, its action loads.
    files: ['packages/cli/src/commands/*.ts', 'packages/cli/src/{bin,main,node-io}.ts'],
    ignores: TESTS,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['@kwik/*', '!@kwik/wire', '!@kwik/discovery'],
              allowTypeImports: true,
              message: 'Import it where the command runs, as `await import(…)`: every start of kwik pays for it here.',
            },
          ],
        },
      ],
    },
  },
  {
    files: DROP_IN,
    ignores: TESTS,
    rules: ban(
      SOURCE_SYNTAX.filter(({ selector }) => !selector.includes('ExportDefault')),
      STATE_SYNTAX,
    ),
  },
  {
    files: QUIC_SHAPED,
    ignores: TESTS,
    rules: ban(
      SOURCE_SYNTAX.filter(({ selector }) => !selector.includes('superClass')),
      STATE_SYNTAX,
      ERROR_SYNTAX,
    ),
  },
  { files: ['packages/cli/src/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    // What a browser runs; nothing of Node is there.
    files: ['packages/*/page/**/*.mjs'],
    languageOptions: {
      globals: {
        addEventListener: 'readonly',
        document: 'readonly',
        EventSource: 'readonly',
        fetch: 'readonly',
        location: 'readonly',
        getComputedStyle: 'readonly',
        matchMedia: 'readonly',
        performance: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  {
    // A file is read from top to bottom in one sitting; a function is seen on one screen.
    files: ['**/*.ts', '**/*.mjs'],
    ignores: MAY_BE_LONG,
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, IIFEs: true }],
    },
  },

  {
    // Tests may hand methods around, and write doubles that do nothing.
    files: TESTS,
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      ...ban(SOURCE_SYNTAX, TEST_SYNTAX),
    },
  },
  {
    files: ['**/*.test.ts', '**/test-support/**/*.ts', 'packages/*/test/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...TEST_GLOBALS],
      'no-restricted-properties': ['error', ...TEST_PROPERTIES],
      'no-restricted-imports': ['error', { paths: [...BUILTIN_PREFIX(builtinModules), ...TEST_MODULES] }],
    },
  },
  { files: ['packages/*/bench/**/*.ts', 'examples/**/*.ts'], rules: { 'no-console': 'off' } },

  {
    files: TOOLS,
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ['tools/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // The compiler (checkJs) knows which names exist.
      'no-undef': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      eqeqeq: 'error',
      complexity: ['error', { max: 18, variant: 'modified' }],
      'no-restricted-imports': ['error', { paths: BUILTIN_PREFIX(builtinModules) }],
    },
  },
);

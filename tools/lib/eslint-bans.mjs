/**
 * What this project does not write, each with what it writes instead. Lists for eslint's no-restricted-* rules.
 *
 * @typedef {{ selector: string, message: string }} BannedSyntax
 */

const NODE_BASES =
  'Error|EventEmitter|EventTarget|Event|Duplex|Readable|Writable|Transform|PassThrough|Agent|Server|Socket';
const TOP_LEVEL = ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration';

/** @type {BannedSyntax[]} */
export const SOURCE_SYNTAX = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals, or an object with `as const`.' },
  { selector: 'ExportDefaultDeclaration', message: 'Use a named export: one name everywhere.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'Use a named export: one name everywhere.' },
  {
    selector: `ClassDeclaration[superClass.type="Identifier"]:not([superClass.name=/^(${NODE_BASES})$/])`,
    message: "Compose: only Node's own base classes are extended.",
  },
];

/**
 * Tests may keep what `beforeEach` makes.
 *
 * @type {BannedSyntax[]}
 */
export const STATE_SYNTAX = [
  {
    selector: `${TOP_LEVEL}:matches([kind="let"], [kind="var"])`,
    message: 'No module-level state: give it to an object that somebody owns.',
  },
  {
    selector:
      `${TOP_LEVEL} > VariableDeclarator` +
      `:not([id.typeAnnotation.typeAnnotation.typeName.name=/^Readonly(Map|Set)$/])` +
      ` > NewExpression[callee.name=/^(Map|Set|WeakMap|WeakSet)$/]`,
    message: 'No module-level state: a constant table has the type ReadonlyMap or ReadonlySet.',
  },
];

/** @type {BannedSyntax[]} */
export const ERROR_SYNTAX = [
  {
    selector: 'ThrowStatement > NewExpression[callee.name=/^(Error|TypeError|RangeError)$/]',
    message: 'Throw a KwikError with a code from the error table.',
  },
];

const TEST_NAMES = 'describe|test|it';

/** @type {BannedSyntax[]} */
export const TEST_SYNTAX = [
  {
    selector: `MemberExpression[object.name=/^(${TEST_NAMES})$/][property.name=/^(only|skip|failing)$/]`,
    message: 'A committed test runs, with all the others.',
  },
  { selector: 'CallExpression[callee.name=/^(f|x)(describe|test|it)$/]', message: 'A committed test runs.' },
];

const WAIT = 'Use `until` or `pause` of @kwik/testbed, or a VirtualClock where no socket is involved.';

export const TEST_GLOBALS = [{ name: 'setTimeout', message: WAIT }];

export const TEST_PROPERTIES = [
  { object: 'Math', property: 'random', message: 'Use SeededRandom of @kwik/testbed: what fails can be repeated.' },
];

export const TEST_MODULES = [{ name: 'node:timers/promises', importNames: ['setTimeout'], message: WAIT }];

const TIME = 'Sans-IO: take `now` (ms) as an argument.';
const TIMER = 'Sans-IO: return when to be called next, and let the caller set the timer.';
const RANDOM = 'Sans-IO: take random bytes, or a seeded generator, as an argument.';
const ASYNC = 'Sans-IO: return a value or an output to be polled; the shell around the core awaits.';
const IO = 'Sans-IO: take input and give output; the shell around the core does the I/O.';

/** @type {BannedSyntax[]} */
export const SANS_IO_SYNTAX = [
  { selector: ':function[async=true]', message: ASYNC },
  { selector: 'NewExpression[callee.name="Promise"]', message: ASYNC },
  { selector: 'MemberExpression[object.name="Promise"]', message: ASYNC },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: TIME },
];

export const SANS_IO_GLOBALS = [
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map((name) => ({
    name,
    message: TIMER,
  })),
  { name: 'queueMicrotask', message: ASYNC },
  { name: 'performance', message: TIME },
  { name: 'crypto', message: RANDOM },
  { name: 'fetch', message: IO },
  { name: 'process', message: 'Sans-IO: take options as arguments.' },
];

export const SANS_IO_PROPERTIES = [
  { object: 'Date', property: 'now', message: TIME },
  { object: 'Math', property: 'random', message: RANDOM },
];

const RANDOM_NAMES = [
  'getRandomValues',
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'generateKey',
  'generateKeyPair',
  'generateKeyPairSync',
  'generateKeySync',
  'webcrypto',
];
const IO_MODULES = [
  'async_hooks child_process cluster dgram dns dns/promises events fs fs/promises http http2 https net perf_hooks',
  'readline stream stream/promises stream/web timers timers/promises tls worker_threads',
];

export const SANS_IO_MODULES = [
  ...IO_MODULES.flatMap((line) => line.split(' ')).map((name) => ({ name: `node:${name}`, message: IO })),
  { name: 'node:crypto', importNames: RANDOM_NAMES, message: RANDOM },
];

/**
 * `node:` says at a glance what comes with Node, and cannot be taken over by a package of that name.
 *
 * @param {readonly string[]} builtins
 */
export const BUILTIN_PREFIX = (builtins) =>
  builtins
    .filter((name) => !name.startsWith('node:') && !name.startsWith('_'))
    .map((name) => ({ name, message: `Import it as node:${name}.` }));

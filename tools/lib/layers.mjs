/**
 * The direction of imports. This is the only place where the layers stand: the step `layers` of the checks enforces the
 * tables, and docs/architecture.md shows them (`pnpm layers` writes them there).
 */

/**
 * @typedef {object} PackageRow
 * @property {string} purpose
 * @property {readonly string[] | 'any'} mayImport Packages by their folder; `any` stands for all that are listed above.
 *
 * @typedef {Readonly<Record<string, readonly string[] | 'any'>>} FolderRows By the name of the folder.
 * @typedef {Readonly<Record<string, FolderRows>>} FolderTables By the folder of the package.
 */

/**
 * Each package may import the packages in its row, and no other @kwik package. A row names only rows above it.
 *
 * @type {Readonly<Record<string, PackageRow>>}
 */
export const PACKAGES = {
  wire: {
    purpose: 'protobuf messages, frame and packet codec, ids, error table, contracts between layers; pure',
    mayImport: [],
  },
  quic: { purpose: 'UDP endpoint and QUIC connections on the native quiche binding', mayImport: ['wire'] },
  kcp: {
    purpose: 'control plane: messages, handshake, authentication, path tokens; no I/O, on `node:crypto`',
    mayImport: ['wire'],
  },
  scheduler: { purpose: 'path schedulers; pure', mayImport: ['wire'] },
  paths: {
    purpose: 'path state, packet numbers, acknowledgements, RTT, windows, failure detection; pure',
    mayImport: ['wire', 'kcp'],
  },
  discovery: {
    purpose: 'finds servers, knows how they are, chooses among them; its core is pure',
    mayImport: ['wire'],
  },
  trust: { purpose: 'identity, trust scores, access control, audit log', mayImport: ['wire', 'kcp'] },
  session: {
    purpose: 'streams over several servers, multi-source streams, `dial`, `listen`',
    mayImport: ['wire', 'kcp', 'scheduler', 'paths', 'quic', 'discovery'],
  },
  socket: { purpose: 'the shape of `node:net`', mayImport: ['session', 'discovery', 'wire'] },
  telemetry: {
    purpose: 'metrics, logs, alerts, flight recorder, live page; only the cli imports it',
    mayImport: ['wire', 'trust'],
  },
  testbed: { purpose: 'emulated links, virtual-time network, fakes', mayImport: ['wire', 'quic'] },
  cli: { purpose: 'the `kwik` command', mayImport: 'any' },
  bench: { purpose: 'what `pnpm bench` measures; private', mayImport: 'any' },
};

/** Of the session: what its features are built on. */
const BELOW_FEATURES = [
  'runtime/waiting',
  'runtime/host',
  'runtime/overload',
  'runtime/control',
  'runtime/paths',
  'runtime/streams',
];

/**
 * What the files in a folder may import from other folders of their package. A folder is named by its path below `src`,
 * `.` being `src` itself; of several names that fit, the longest owns a file. `any` is for a folder whose layer is not
 * decided. In a package that stands here every file is owned by a row. Tests may import anything of their own package.
 *
 * @type {FolderTables}
 */
export const FOLDERS = {
  quic: {
    packets: [],
    socket: [],
    tls: ['socket'],
    backends: ['packets', 'tls'],
    connection: ['packets', 'socket', 'backends'],
    routing: ['packets', 'socket', 'backends'],
    forwarding: ['packets', 'socket', 'routing'],
    endpoint: ['packets', 'socket', 'tls', 'backends', 'connection', 'routing', 'forwarding'],
    '.': ['socket', 'tls', 'backends', 'connection', 'routing', 'forwarding', 'endpoint'],
  },
  discovery: {
    core: [],
    signing: ['core'],
    sources: ['core', 'signing'],
    directory: ['core', 'sources'],
    api: ['core', 'signing', 'sources'],
    '.': 'any',
  },
  session: {
    core: [],
    credentials: [],
    api: ['core', '.'],
    options: ['api', '.'],
    'runtime/waiting': [],
    'runtime/host': ['core'],
    'runtime/overload': ['core', 'api'],
    'runtime/control': ['api'],
    'runtime/paths': ['core', 'api', 'runtime/waiting', 'runtime/host', 'runtime/control'],
    'runtime/streams': ['core', 'api', 'runtime/waiting'],
    'runtime/datagrams': ['core', 'api', 'runtime/waiting'],
    'runtime/turn': ['core', 'api', 'runtime/paths'],
    'runtime/features': ['core', 'api', ...BELOW_FEATURES],
    'runtime/session': ['core', 'api', ...BELOW_FEATURES, 'runtime/datagrams', 'runtime/turn', 'runtime/features'],
    client: ['core', 'credentials', 'api', 'options', ...BELOW_FEATURES, 'runtime/features', 'runtime/session', '.'],
    server: [
      'core',
      'credentials',
      'api',
      'options',
      ...BELOW_FEATURES,
      'runtime/features',
      'runtime/session',
      'client',
      '.',
    ],
    quic: ['runtime/host', 'runtime/session', 'api', 'options', 'client', 'server'],
    socket: ['runtime/session', 'runtime/streams', 'api', 'options', 'client', 'server'],
    '.': 'any',
  },
};

/** Packages of which no files import each other in a circle, not even types alone; elsewhere types may. */
export const WITHOUT_CIRCLES = ['quic'];

/** What the tests and benches of every package may import besides its row: emulated links and fakes. */
export const TEST_LAYERS = ['testbed'];

/** Files that are not shipped: tests, what only tests use, and benches. */
export const TEST_FILE = /(\.test\.ts$|\/test-support\/|^packages\/[^/]+\/(test|bench|sim)\/)/;

/** Those of the sans-IO parts that need nothing of Node, not even its types; `tools/test/purity.test.mjs` runs them so. */
export const PURE = ['wire/src', 'scheduler/src', 'paths/src', 'session/src/core', 'discovery/src/core'];

/** Packages, and parts of packages, that take `now` and input and give output. See CONTRIBUTING.md, "Sans-IO". */
export const SANS_IO = ['wire/src', 'kcp/src', 'scheduler/src', 'paths/src', 'session/src/core', 'discovery/src/core'];

/**
 * The packages that a package may import; undefined for one without a row.
 *
 * @param {string} name
 * @returns {readonly string[] | undefined}
 */
export function importsOf(name) {
  const row = PACKAGES[name]?.mayImport;
  return row === 'any' ? Object.keys(PACKAGES).slice(0, Object.keys(PACKAGES).indexOf(name)) : row;
}

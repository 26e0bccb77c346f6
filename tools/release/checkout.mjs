import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listPackages } from '../lib/workspace.mjs';
import { must } from './must.mjs';

/** Who makes the commits of a rehearsal. */
const AUTHOR = ['-c', 'user.name=Rehearsal', '-c', 'user.email=rehearsal@localhost'];

/**
 * A clone of the checkout's HEAD, in which versions and tags may be made without anybody's seeing them.
 *
 * @param {string} root
 * @param {string} folder
 */
export async function cloneHead(root, folder) {
  await must('git', ['clone', '--quiet', '--no-tags', root, folder]);
  const { packageManager } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const pnpm = (/** @type {string[]} */ ...args) => must('npx', ['-y', packageManager, ...args], { cwd: folder });
  await pnpm('install', '--frozen-lockfile', '--prefer-offline');
  const git = (/** @type {string[]} */ ...args) => must('git', [...AUTHOR, ...args], { cwd: folder });
  return { folder, pnpm, git };
}

/** @typedef {Awaited<ReturnType<typeof cloneHead>>} Checkout */

/**
 * Publishes what stands in the checkout, from a tag of it, as the release workflow does.
 *
 * @param {Checkout} checkout
 * @param {string} tag
 * @param {string} npmrc
 */
export async function publishFrom({ folder, git, pnpm }, tag, npmrc) {
  await git('checkout', '--quiet', '--detach', tag);
  await pnpm('build');
  writeFileSync(join(folder, '.npmrc'), npmrc);
  appendFileSync(join(folder, '.git', 'info', 'exclude'), '.npmrc\n');
  const registry = /registry=(\S+)/.exec(npmrc)?.[1] ?? '';
  await pnpm('lerna', 'publish', 'from-package', '--yes', '--no-verify-access', '--registry', registry);
}

/**
 * The versions of all published packages.
 *
 * @param {string} folder
 * @returns {Map<string, string>}
 */
export function versionsIn(folder) {
  const published = listPackages(folder).filter(({ manifest }) => manifest.private !== true);
  return new Map(published.map(({ manifest }) => [manifest.name, manifest.version]));
}

/**
 * A second release: a commit, then versions and changelogs of what it changed, made from the messages.
 *
 * @param {Checkout} checkout
 */
export async function makeSecondRelease({ folder, git, pnpm }) {
  // lerna counts from the tags of the release before.
  for (const [name, version] of versionsIn(folder)) await git('tag', '-a', `${name}@${version}`, '-m', 'rehearsal');
  await git('checkout', '--quiet', '-B', 'release');
  appendFileSync(join(folder, 'packages', 'wire', 'README.md'), '\n');
  await git('commit', '--quiet', '--all', '--message', 'feat(wire): the second release of a rehearsal');
  await pnpm('build');
  for (const [key, value] of [
    ['user.name', 'Rehearsal'],
    ['user.email', 'rehearsal@localhost'],
  ]) {
    await git('config', key ?? '', value ?? '');
  }
  await pnpm('lerna', 'version', '--yes', '--no-push', '--no-private');
  const changelog = join(folder, 'packages', 'wire', 'CHANGELOG.md');
  const text = existsSync(changelog) ? readFileSync(changelog, 'utf8') : '';
  if (!text.includes('the second release of a rehearsal')) throw new Error(`the changelog lacks the commit:\n${text}`);
  await git('tag', 'rehearsal-2');
}

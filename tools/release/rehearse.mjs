/**
 * `pnpm release:rehearse`: two releases to a registry of this machine alone, and what users do with them. Each package is
 * published from a tag, installed alone in an empty folder, and imported; the second release has changelogs made from the
 * commits; a consumer goes from the first to the second; both releases speak with each other, whichever end is older; and
 * other Nodes than this one run them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HAS_OTHER_NODES, OTHER_NODES, otherNode } from '../lib/other-nodes.mjs';
import { ROOT } from '../lib/workspace.mjs';
import { cloneHead, makeSecondRelease, publishFrom, versionsIn } from './checkout.mjs';
import { checkSbom, importThere, installAlone, talk } from './consumer.mjs';
import { startRegistry } from './registry.mjs';

/** @type {readonly import('./consumer.mjs').Client[]} */
const CLIENTS = ['npm', 'pnpm', 'yarn'];
/** Installed by all package managers; each package by npm. */
const BY_ALL = ['@kwik/session', '@kwik/socket', '@kwik/cli'];

// Outside of the checkout: what is installed there must not find what is installed here.
const scratch = mkdtempSync(join(tmpdir(), 'kwik-release-'));
const registry = await startRegistry(join(scratch, 'registry'));
try {
  await rehearse(scratch, registry.npmrc);
  say('both releases do what they should');
} finally {
  await registry.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** @param {string} folder @param {string} npmrc */
async function rehearse(folder, npmrc) {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const checkout = await cloneHead(ROOT, join(folder, 'checkout'));
  await checkout.git('tag', 'rehearsal-1');
  await publishFrom(checkout, 'rehearsal-1', npmrc);
  const first = versionsIn(checkout.folder);
  say(`published ${[...first].map(([name, version]) => `${name}@${version}`).join(' ')}`);

  /** @param {string} name @param {import('./consumer.mjs').Client} client */
  const install = async (name, client) => {
    const where = { folder: join(folder, `${client}-${name.replace('/', '-')}`), client, npmrc, packageManager };
    await installAlone(where, [`${name}@${first.get(name)}`]);
    await importThere(where.folder, name);
    say(`${name} installs alone by ${client}, and is imported`);
    return where;
  };
  /** @type {(readonly [name: string, folder: string])[]} */
  const installed = [];
  for (const name of first.keys()) installed.push([name, (await install(name, 'npm')).folder]);
  for (const client of CLIENTS.slice(1)) for (const name of BY_ALL) await install(name, client);

  await makeSecondRelease(checkout);
  await publishFrom(checkout, 'rehearsal-2', npmrc);
  const second = versionsIn(checkout.folder);
  say(`published ${[...second].map(([name, version]) => `${name}@${version}`).join(' ')}`);
  if (second.get('@kwik/session') === first.get('@kwik/session'))
    throw new Error('what depends on wire has no release');

  const consumer = (/** @type {string} */ name) => ({
    ...{ folder: join(folder, name), client: /** @type {const} */ ('npm'), npmrc, packageManager },
  });
  const old = consumer('old');
  await installAlone(old, [`@kwik/session@${first.get('@kwik/session')}`]);
  const upgraded = consumer('upgraded');
  await installAlone(upgraded, [`@kwik/session@${first.get('@kwik/session')}`]);
  await installAlone(upgraded, [`@kwik/session@${second.get('@kwik/session')}`]);
  say('a consumer goes from the first release to the second');
  const components = await checkSbom(upgraded.folder, ['@kwik/session', '@kwik/wire', '@matrixai/quic']);
  say(`its SBOM (CycloneDX) has ${components} components`);

  const [a, b] = [old.folder, upgraded.folder];
  for (const [primary, secondary, client] of [
    [a, b, b],
    [b, a, a],
    [a, a, b],
    [b, b, a],
  ]) {
    const folders = { primary: primary ?? a, secondary: secondary ?? a, client: client ?? a };
    await talk({ ...folders, dataFolder: join(folder, 'data') });
  }
  say('old and new clients, primaries and secondaries speak with each other');
  for (const version of HAS_OTHER_NODES ? OTHER_NODES : []) {
    const node = otherNode(version);
    if (node === undefined) throw new Error(`Node ${version} cannot be had`);
    for (const [name, at] of installed) await importThere(at, name, node);
    await talk({ primary: a, secondary: b, client: b, dataFolder: join(folder, 'data'), node });
    say(`Node ${version} imports each package, and has a session between two releases`);
  }
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`✓ ${text}\n`);
}

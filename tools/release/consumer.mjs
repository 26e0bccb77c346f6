import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './must.mjs';

const YARN = '1.22.22';
/** What Yarn has to be told, as docs/troubleshooting.md says. */
const YARN_RESOLUTIONS = Object.fromEntries(
  ['darwin-arm64', 'darwin-universal', 'darwin-x64', 'win32-x64'].map((each) => [`@matrixai/quic-${each}`, '1.2.12']),
);
const READY_WITHIN_MS = 30_000;

/** @typedef {'npm' | 'pnpm' | 'yarn'} Client */

/**
 * Installs packages into an empty folder, by one of the package managers.
 *
 * @param {{ folder: string, client: Client, npmrc: string, packageManager: string }} where
 * @param {readonly string[]} specs `@kwik/session@0.1.0`
 */
export async function installAlone({ folder, client, npmrc, packageManager }, specs) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '.npmrc'), npmrc);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module' }),
  );
  if (client === 'npm') {
    await must('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...specs], { cwd: folder });
  } else if (client === 'pnpm') {
    await must('npx', ['-y', packageManager, 'add', '--ignore-scripts', ...specs], { cwd: folder });
  } else {
    const registry = /registry=(\S+)/.exec(npmrc)?.[1] ?? '';
    writeFileSync(join(folder, '.yarnrc'), `registry "${registry}"\n`);
    const manifest = {
      name: 'consumer',
      version: '1.0.0',
      private: true,
      type: 'module',
      resolutions: YARN_RESOLUTIONS,
    };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    // Yarn 1 takes the addresses of a lockfile; here there is none.
    const args = [
      'add',
      '--ignore-platform',
      '--ignore-scripts',
      '--no-progress',
      '--cache-folder',
      join(folder, '.cache'),
      ...specs,
    ];
    await must('npx', ['-y', `yarn@${YARN}`, ...args], { cwd: folder });
  }
}

/**
 * Imports a package in the folder where it is installed.
 *
 * @param {string} folder
 * @param {string} name
 * @param {string} [node] the program; default: this one
 */
export function importThere(folder, name, node = process.execPath) {
  return must(node, ['--input-type=module', '-e', `await import('${name}')`], { cwd: folder });
}

/**
 * Runs the CycloneDX list of what is installed past what must be in it.
 *
 * @param {string} folder
 * @param {readonly string[]} names
 */
export async function checkSbom(folder, names) {
  const { stdout } = await must('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], { cwd: folder });
  const components = /** @type {{ components: { name: string, group?: string }[] }} */ (JSON.parse(stdout)).components;
  const listed = new Set(components.map(({ name, group }) => (group === undefined ? name : `${group}/${name}`)));
  const missing = names.filter((name) => !listed.has(name));
  if (missing.length > 0) throw new Error(`the SBOM lacks ${missing.join(', ')}`);
  return components.length;
}

/**
 * A primary and a secondary of one release, a client of another: a file from both, byte for byte.
 *
 * @param {{ primary: string, secondary: string, client: string, dataFolder: string, node?: string }} folders and the
 *   program that runs all three
 */
export async function talk({ primary, secondary, client, dataFolder, node = process.execPath }) {
  const env = { KWIK_DATA_DIR: dataFolder };
  const second = await startServer(node, secondary, env, []);
  try {
    const first = await startServer(node, primary, env, [second.address]);
    try {
      const script = join(client, 'client.mjs');
      writeFileSync(script, CLIENT);
      const { stdout } = await must(node, [script, first.address], { cwd: client, env, timeoutMs: 60_000 });
      if (stdout.trim() !== 'whole, from 2 servers') throw new Error(`the client says: ${stdout}`);
    } finally {
      first.stop();
    }
  } finally {
    second.stop();
  }
}

/**
 * @param {string} node
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} peers
 * @returns {Promise<{ address: string, stop: () => void }>}
 */
function startServer(node, folder, env, peers) {
  const script = join(folder, 'server.mjs');
  writeFileSync(script, SERVER);
  const child = spawn(node, [script, ...peers], { cwd: folder, env: { ...process.env, ...env } });
  return new Promise((resolve, reject) => {
    let output = '';
    const late = setTimeout(() => {
      child.kill();
      reject(new Error(`a server was not ready in time:\n${output}`));
    }, READY_WITHIN_MS);
    child.once('exit', (code) => reject(new Error(`a server ended with ${code}:\n${output}`)));
    child.stderr.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()));
    child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
      clearTimeout(late);
      resolve({ address: chunk.toString().trim(), stop: () => child.kill() });
    });
  });
}

const CONTENT = `
const content = new Uint8Array(4_000_000).map((_, index) => index * 31 + (index >> 8));
`;
const SERVER = `
import { listen } from '@kwik/session';
${CONTENT}
const source = {
  size: BigInt(content.length),
  read: async (offset, length) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return content.subarray(Number(offset), Number(offset) + length);
  },
};
const listener = await listen({ replica: (key) => (key === 'content' ? source : undefined) });
console.log('127.0.0.1:' + listener.address().port);
for await (const session of listener) {
  void (async () => {
    for (const address of process.argv.slice(2)) await session.addPath(address);
    const stream = await session.acceptStream();
    await stream.sendFrom('content', source);
    await stream.close();
  })().catch(() => undefined);
}
`;
const CLIENT = `
import { dial } from '@kwik/session';
${CONTENT}
const session = await dial(process.argv[2]);
const stream = session.openStream();
await stream.write('please');
let at = 0;
for await (const chunk of stream) {
  for (const byte of chunk) if (byte !== content[at++]) throw new Error('wrong at ' + at);
}
const servers = session.getAllPaths().filter((path) => path.receivedBytes > 0).length;
console.log(at === content.length ? 'whole, from ' + servers + ' servers' : 'ends at ' + at);
await session.close();
process.exit(0);
`;

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { must } from './must.mjs';

const VERDACCIO = '6.8.0';
/** npm's name for it. */
const TOKEN = '_authToken';
const READY_WITHIN_MS = 60_000;

/**
 * A registry for one rehearsal: what is published stays on this machine and goes with its folder; everything that is not
 * KWIK's comes from the registry that this machine uses.
 *
 * @param {string} folder An empty folder.
 * @returns {Promise<{ url: string, npmrc: string, stop: () => Promise<void> }>}
 */
export async function startRegistry(folder) {
  mkdirSync(folder, { recursive: true });
  const project = { private: true, dependencies: { verdaccio: VERDACCIO }, overrides: { 'node-fetch': '2.7.0' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  await must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  const { stdout } = await must('npm', ['config', 'get', 'registry'], { cwd: folder });
  const port = await freePort();
  writeFileSync(join(folder, 'config.yaml'), configuration(stdout.trim()));
  const verdaccio = join(folder, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
  const args = [verdaccio, '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/`;
  await reachable(url, child);
  return {
    url,
    // Anybody may publish; npm wants a token all the same.
    npmrc: `registry=${url}\n//127.0.0.1:${port}/:${TOKEN}=rehearsal\n`,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** @param {string} uplink */
const configuration = (uplink) => `
storage: ./storage
uplinks:
  upstream:
    url: ${uplink}
    maxage: 60m
    timeout: 60s
packages:
  '@kwik/*':
    access: $all
    publish: $anonymous $all
    unpublish: $anonymous $all
  '**':
    access: $all
    proxy: upstream
max_body_size: 50mb
log: { type: file, path: ./verdaccio.log, level: warn }
`;

/** @param {string} url @param {import('node:child_process').ChildProcess} child */
async function reachable(url, child) {
  const end = performance.now() + READY_WITHIN_MS;
  while (performance.now() < end && child.exitCode === null) {
    const answer = await fetch(`${url}-/ping`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  child.kill();
  throw new Error('the registry does not answer; see verdaccio.log');
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

import { execFileSync } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import {
  dnsmasqPlan,
  ETCD,
  freePort,
  missingPrograms,
  startRealServer,
  type RealServerPlan,
} from '@kwik/testbed/programs';
import { Harness } from './harness.js';

jest.setTimeout(120_000);

let harness: Harness;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
  for (const close of closers.splice(0)) await close();
});

async function started(plan: RealServerPlan): Promise<string> {
  const { port, stop } = await startRealServer(plan);
  closers.push(stop);
  return `127.0.0.1:${port}`;
}

async function registry(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const running = harness.start(['registry', '--listen', '127.0.0.1:0', ...args], env);
  const [, url = ''] = await running.printed(/^listening on (https?:\S+)\n/u);
  return url;
}

async function serve(id: string, source: string, env?: NodeJS.ProcessEnv, args: readonly string[] = []) {
  const announcing = ['--announce', source, '--service', 'films', '--server-id', id, ...args];
  const server = await harness.serve('a', announcing, env);
  await server.process.printed(/"event":"announced"/u);
  return server;
}

/** Fetches a file from whoever is found. */
async function fetched(source: string, env?: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<void> {
  const { status, stderr } = await harness.get(['kwik:films/file', '--force', '--discover', source, ...args], env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

// eslint-disable-next-line no-restricted-syntax -- the program of Debian may be missing; then it is skipped by name
const testWithEtcd = missingPrograms(ETCD).length > 0 ? test.skip : test;

testWithEtcd('etcd: servers are found there, and by registries that keep theirs in it', async () => {
  await harness.makeFile('a/file', 1000);
  const etcd = `etcd:${await started(ETCD)}`;
  const one = await serve('direct', etcd);
  await fetched(etcd);
  const urls = [await registry(['--store', etcd]), await registry(['--store', etcd])];
  const two = await serve('by-registry', urls[0]!);
  for (const source of [etcd, ...urls]) {
    const watching = harness.start(['servers', 'films', '--watch', '--discover', source]);
    await watching.printed(/\+ direct [\s\S]*\+ by-registry |\+ by-registry [\s\S]*\+ direct /u);
    watching.kill('SIGTERM');
  }
  one.process.kill('SIGTERM');
  await one.process.ended;
  await fetched(urls[1]!);
  two.process.kill('SIGTERM');
  await two.process.ended;
  expect((await harness.run(['servers', 'films', '--discover', etcd])).stdout).toMatch(/^films: no server is known\n/u);
});

// eslint-disable-next-line no-restricted-syntax -- as above
const testWithDnsmasq = missingPrograms(dnsmasqPlan([])).length > 0 ? test.skip : test;

testWithDnsmasq('dns-sd: a server says what belongs into the zone, and is found when that is there', async () => {
  await harness.makeFile('a/file', 1000);
  const port = await freePort();
  const announcing = ['--announce', 'dns-sd:films.test', '--service', 'films', '--server-id', 'one', '--region', 'eu'];
  const serving = ['serve', harness.path('a'), '--listen', `127.0.0.1:${port}`, ...announcing];
  const server = harness.start([...serving, '--announce-address', `localhost:${port}`]);
  const [zone] = await server.printed(/^for the zone file:\n(?:.+\n){3}/mu);
  const records = zone.split('\n').map((line) => / IN (\w+) (.*)$/u.exec(line) ?? []);
  const dataOf = (wanted: string): string => records.find(([, type]) => type === wanted)?.[2] ?? '';
  const instance = dataOf('PTR').replace(/\.$/u, '');
  const [priority, weight, , target = ''] = dataOf('SRV').split(' ');
  const resolver = await started(
    dnsmasqPlan([
      `ptr-record=_kwik._udp.films.test,${instance}`,
      `srv-host=${instance},${target.replace(/\.$/u, '')},${port},${priority},${weight}`,
      `txt-record=${instance},${dataOf('TXT').replaceAll('" "', ',').replaceAll('"', '')}`,
    ]),
  );
  await fetched(`dns-sd:films.test@${resolver}`);
});

test('mdns: found on the local network, until it stops', async () => {
  await harness.makeFile('a/file', 1000);
  const source = `mdns:127.0.0.1:${await freePort()}`;
  const server = await serve('one', source);
  await fetched(source);
  const watching = harness.start(['servers', 'films', '--watch', '--discover', source]);
  await watching.printed(/\+ one /u);
  server.process.kill('SIGTERM');
  await watching.printed(/^films: no server is known$/mu);
});

test('a registry by https: a token or a certificate of its authority, and nobody without', async () => {
  await harness.makeFile('a/file', 1000);
  await mkdir(harness.path('tls'));
  const [cert, key] = [harness.path('tls/cert.pem'), harness.path('tls/key.pem')];
  const made = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1', '-nodes'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...made, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  await copyFile(cert, harness.path('tls/ca.pem'));
  const args = ['--cert', cert, '--key', key, '--client-ca', harness.path('tls/ca.pem')];
  const url = (await registry(args, { KWIK_REGISTRY_TOKENS: 'secret' })).replace('127.0.0.1', 'localhost');
  const trust = ['--registry-ca', cert];
  const own = [...trust, '--registry-cert', cert, '--registry-key', key];
  await serve('by-certificate', url, {}, own);
  await serve('by-token', url, { KWIK_REGISTRY_TOKEN: 'secret' }, trust);
  await fetched(url, {}, own);
  await fetched(url, { KWIK_REGISTRY_TOKEN: 'secret' }, trust);
  const survey = await harness.run(['servers', 'films', '--discover', url, ...trust]);
  expect(survey).toMatchObject({ status: 3, stdout: expect.stringMatching(/stale: localhost:\d+ answers 401/u) });
  const untrusted = await harness.run(['servers', 'films', '--discover', url]);
  expect(untrusted).toMatchObject({ status: 3, stdout: expect.stringMatching(/stale: .*self-signed certificate/u) });
});

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { grownTo, Harness, sha256Of, withResult, type Running } from './harness.js';
import { runHere } from './in-process.js';

jest.setTimeout(120_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

async function registry(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const running = harness.start(['registry', '--listen', '127.0.0.1:0', ...args], env);
  const [, url = ''] = await running.printed(/^listening on (https?:\S+)\n/u);
  return { url, running };
}

/** Two folders with the same file. */
async function copies(bytes: number): Promise<string> {
  const sha256 = await harness.makeFile('a/film.bin', bytes);
  await mkdir(harness.path('b'));
  await copyFile(harness.path('a/film.bin'), harness.path('b/film.bin'));
  return sha256;
}

interface Survey {
  readonly servers: readonly { readonly server: string; readonly chosen: boolean; readonly reason: string }[];
  readonly sources: readonly { readonly name: string; readonly state: string; readonly failure: string | null }[];
}

async function servers(
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Survey & { status: number | string }> {
  const { status, stdout } = await harness.run(['servers', 'films', '--json', ...args], env);
  return { status, ...(JSON.parse(stdout) as Survey) };
}

/** Until what `kwik servers` says is as wanted. */
async function known(url: string, count: number, env?: NodeJS.ProcessEnv): Promise<Survey> {
  const watching = harness.start(['servers', 'films', '--json', '--watch', '--discover', url], env);
  const server = '"server":"[^"]+","addresses"';
  const pattern = new RegExp(
    `^\\{"service":"films","at":"[^"]+","servers":\\[(?:[^\\n]*${server}){${count}}[^\\n]*$`,
    'mu',
  );
  const [line] = await watching.printed(pattern);
  watching.kill('SIGINT');
  expect((await watching.ended).status).toBe(0);
  return JSON.parse(line) as Survey;
}

describe('a registry', () => {
  test('servers announce themselves, bring each other in, and a file is fetched by the name of their service', async () => {
    const sha256 = await copies(30 * MB);
    const { url } = await registry();
    const found = ['--announce', url, '--discover', url, '--service', 'films'];
    const one = await harness.serve('a', [...found, '--server-id', 'one', '--region', 'eu']);
    const two = await harness.serve('b', [...found, '--server-id', 'two', '--region', 'eu', '--tag', 'ssd']);
    const { servers: both } = await known(url, 2);
    expect(both.map(({ server }) => server).sort()).toEqual(['one', 'two']);
    expect(both).toEqual([
      expect.objectContaining({ region: 'eu', capabilities: ['primary', 'replica'], chosen: true }),
      expect.objectContaining({ facts: [{ source: url, ageMs: expect.any(Number) }] }),
    ]);
    const { status, result } = await harness.get(['kwik:films/film.bin', '--discover', url]);
    expect({ status, sha256: result.sha256 }).toEqual({ status: 0, sha256 });
    expect(await sha256Of(harness.path('film.bin'))).toBe(sha256);
    const used = result.paths.map(({ server }) => server).sort();
    expect(used).toEqual([one, two].map(({ address }) => address).sort());
  });

  test('a server that stops takes itself back; one that is killed is passed over', async () => {
    await copies(1000);
    const { url } = await registry();
    const found = ['--announce', url, '--service', 'films'];
    const stopped = await harness.serve('a', [...found, '--server-id', 'stopped']);
    const killed = await harness.serve('a', [...found, '--server-id', 'killed']);
    await harness.serve('b', [...found, '--server-id', 'alive']);
    await known(url, 3);
    stopped.process.kill('SIGTERM');
    expect((await stopped.process.ended).status).toBe(0);
    const left = await servers(['--discover', url]);
    expect(left.servers.map(({ server }) => server).sort()).toEqual(['alive', 'killed']);
    killed.process.kill('SIGKILL');
    await killed.process.ended;
    const { status } = await harness.get(['kwik:films/film.bin', '--discover', url, '-o', 'out']);
    expect(status).toBe(0);
  });

  test('all paths gone in mid-transfer: another server of the service is found, and finishes the file (V7.2)', async () => {
    const sha256 = await copies(60 * MB);
    const { url } = await registry();
    const serving = { a: await harness.serve('a', ['--announce', url, '--service', 'films', '--server-id', 'a']) };
    await known(url, 1);
    const get = harness.start(['get', '--json', 'kwik:films/film.bin', '--discover', url, '-o', 'out.bin']);
    await grownTo(harness.path('out.bin.kwik-part'), 10 * MB, get);
    const other = await harness.serve('b', ['--announce', url, '--service', 'films', '--server-id', 'b']);
    await other.process.printed(/"event":"announced"/u);
    serving.a.process.kill('SIGKILL');
    const { status, result } = withResult(await get.ended);
    expect({ status, sha256: result.sha256 }).toEqual({ status: 0, sha256 });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
  });

  test('no other server: the session goes on over a single path, and a log line says so (V2.5)', async () => {
    await copies(1000);
    const { url } = await registry();
    const found = ['--announce', url, '--discover', url, '--service', 'films', '--server-id', 'alone'];
    const { process } = await harness.serve('a', found);
    await known(url, 1);
    expect((await harness.get(['kwik:films/film.bin', '--discover', url])).status).toBe(0);
    await process.printed(/"event":"few-servers"[^\n]*over a single path: 'films' has no further suitable server/u);
  });

  test('with tokens: readers read, servers announce, nobody else does either; and no token is printed', async () => {
    await copies(1000);
    const tokens = { KWIK_REGISTRY_TOKENS: 'writer-1,writer-2', KWIK_REGISTRY_READ_TOKENS: 'reader' };
    const { url, running } = await registry([], tokens);
    const announcing = ['--announce', url, '--service', 'films', '--server-id'];
    const nobody = await harness.serve('a', [...announcing, 'nobody']);
    await nobody.process.printed(/"event":"announce-failed"[^\n]*ERR_KWIK_AUTH_FAILED/u);
    const reader = await harness.serve('a', [...announcing, 'reader'], { KWIK_REGISTRY_TOKEN: 'reader' });
    await reader.process.printed(/"event":"announce-failed"[^\n]*ERR_KWIK_AUTH_FAILED/u);
    const writer = await harness.serve('a', [...announcing, 'writer'], { KWIK_REGISTRY_TOKEN: 'writer-2' });
    const { servers: seen } = await known(url, 1, { KWIK_REGISTRY_TOKEN: 'reader' });
    expect(seen.map(({ server }) => server)).toEqual(['writer']);
    const unread = await servers(['--discover', url]);
    expect(unread).toMatchObject({ status: 3, servers: [], sources: [{ state: 'stale', failure: /401/ }] });
    const processes: Running[] = [running, nobody.process, reader.process, writer.process];
    for (const each of processes) each.kill('SIGTERM');
    for (const each of processes) {
      const { stdout, stderr } = await each.ended;
      expect(stdout + stderr).not.toMatch(/writer-[12]/u);
    }
  });

  test('a server that signs keeps its id, and clients with its key find it and no other', async () => {
    await copies(1000);
    const keyOf = async (name: string): Promise<string> => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      await writeFile(harness.path(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
      await writeFile(harness.path(name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      return harness.path(name);
    };
    const [own, other] = [await keyOf('own.pem'), await keyOf('other.pem')];
    const { url } = await registry();
    const announcing = ['--announce', url, '--service', 'films', '--server-id', 'one'];
    const server = await harness.serve('a', [...announcing, '--announce-key', own]);
    await server.process.printed(/"event":"announced"/u);
    const thief = await harness.serve('b', [...announcing, '--announce-key', other]);
    await thief.process.printed(/"event":"announce-failed"[^\n]*'one' is announced with another key/u);
    const found = await servers(['--discover', url, '--server-keys', `${own}.pub`]);
    expect(found.servers).toMatchObject([{ server: 'one', addresses: [server.address], chosen: true }]);
    expect(await servers(['--discover', url, '--server-keys', `${other}.pub`])).toMatchObject({
      status: 3,
      servers: [],
    });
  });

  test('without tokens it answers to names of this machine alone, whatever a web site calls it', async () => {
    const { url } = await registry();
    const asked = request(`${url}/v1/services/films/servers`, { headers: { host: 'evil.example' } }).end();
    const [response] = (await once(asked, 'response')) as [{ statusCode: number }];
    expect(response.statusCode).toBe(421);
  });

  test.each<[string[], Record<string, string>, RegExp]>([
    [['--listen', '0.0.0.0:0'], {}, /takes --cert and --key, and KWIK_REGISTRY_TOKENS or --client-ca/u],
    [['--listen', '0.0.0.0:0'], { KWIK_REGISTRY_TOKENS: 't' }, /takes --cert and --key/u],
    [['--client-ca', 'ca.pem'], {}, /--client-ca needs --cert and --key/u],
    [[], { KWIK_REGISTRY_READ_TOKENS: 'r' }, /lets nobody announce/u],
    [['--store', 'mdns'], {}, /--store takes memory or etcd:/u],
    [['--store', 'redis:1'], {}, /no kind of source/u],
  ])('kwik registry %j: is refused in one line', async (args, env, why) => {
    const { status, stderr } = await runHere(['registry', ...args], env);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(why) });
    expect(stderr).toMatch(/^kwik: [^\n]*\n$/u);
  });
});

describe('other sources', () => {
  test('a file that is replaced, addresses, and sources of the environment', async () => {
    await copies(1000);
    const { address } = await harness.serve('a');
    const list = async (addresses: string[]): Promise<void> => {
      await writeFile(harness.path('new'), JSON.stringify([{ serverId: 'listed', addresses }]));
      await rename(harness.path('new'), harness.path('servers.json'));
    };
    await list(['192.0.2.1:1']);
    const file = `file:${harness.path('servers.json')}`;
    const watching = harness.start(['servers', 'films', '--watch', '--discover', file]);
    await watching.printed(/192\.0\.2\.1:1/u);
    await list([address]);
    await watching.printed(new RegExp(`\\+ listed {2}${address.replaceAll('.', '\\.')}\\n {4}chosen: `, 'u'));
    for (const source of [file, `static:${address}`]) {
      const { status } = await harness.get(['kwik:films/film.bin', '--force'], { KWIK_DISCOVER: source });
      expect(status).toBe(0);
    }
  });

  test('a source that fails is named, and the others serve', async () => {
    await copies(1000);
    const { address } = await harness.serve('a');
    const sources = ['--discover', 'file:/nowhere/servers.json', '--discover', `static:${address}`];
    const survey = await servers(sources);
    expect(survey).toMatchObject({
      status: 0,
      servers: [{ server: address, chosen: true }],
      sources: [{ state: 'stale', failure: expect.stringContaining('/nowhere/servers.json') }, { state: 'fresh' }],
    });
    expect((await harness.get(['kwik:films/film.bin', ...sources])).status).toBe(0);
  });

  test.each<[string[], RegExp]>([
    [['get', 'kwik:films/x'], /where are the servers of kwik:films\? Name a source with --discover/u],
    [['get', 'kwik:films/x', '--discover', 'nonsense'], /--discover.*no kind of source/u],
    [['get', 'kwik:-/x', '--discover', 'mdns'], /no name of a service/u],
    [['servers', 'films'], /no source of servers is named/u],
    [['servers', 'films', '--discover', 'mdns', '--capability', 'all'], /primary, replica, relay/u],
    [['serve', '.', '--announce', 'mdns'], /--announce takes --service NAME/u],
    [['serve', '.', '--discover', 'mdns'], /--discover takes --service NAME/u],
    [['serve', '.', '--announce', 'file:x', '--service', 'films'], /by a registry, etcd, mdns or dns-sd/u],
    [
      ['serve', '.', '--announce', 'mdns', '--service', 'films', '--listen', '0.0.0.0:1'],
      /takes --announce-address HOST:PORT/u,
    ],
    [['serve', '.', '--announce', 'mdns', '--service', 'films', '--registry-cert', 'x'], /go together/u],
  ])('kwik %j: is refused in one line', async (args, why) => {
    const { status, stderr } = await runHere(args);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(why) });
    expect(stderr).toMatch(/^kwik: [^\n]*\n$/u);
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { Link } from '@kwik/testbed';
import { ETCD, missingPrograms, startRealServer } from '@kwik/testbed/programs';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { BIN, grownTo, Harness, sha256Of, withResult, type Running, type Server } from './harness.js';
import { runHere } from './in-process.js';

jest.setTimeout(180_000);

const MB = 1_000_000;
const BYTES = 12 * MB;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

/** Made by the command; the path of its file. */
async function fleetKey(name = 'fleet.key'): Promise<string> {
  const { status } = await runHere(['fleet', 'key', harness.path(name)]);
  expect(status).toBe(0);
  return harness.path(name);
}

interface Download {
  readonly primary: Server;
  readonly link: Link;
  readonly get: Running;
  readonly sha256: string;
}

/** `kwik get` of a file from a primary with these options, when 3 MB of it have come; `standby` has a copy. */
async function download(
  standby: Server,
  options: readonly string[],
  timeout = '60',
  said = new RegExp(`"event":"standby","server":"${standby.address}","answers":true`, 'u'),
): Promise<Download> {
  const sha256 = await harness.makeFile('a/film.bin', BYTES);
  const primary = await harness.serve('a', [...options, '--standby', standby.address]);
  // Workers look for it when the first client comes, and have nothing to say before they all listen.
  if (!options.includes('--workers')) await primary.process.printed(said);
  const link = await harness.linkTo(primary);
  const get = harness.start(['get', '--json', '-t', timeout, `kwik://${link.address()}/film.bin`, '-o', 'out.bin']);
  await grownTo(harness.path('out.bin.kwik-part'), 3 * MB, get);
  return { primary, link, get, sha256 };
}

/** `from`: the id of the primary, if it has one. */
async function expectWhole({ link, get, sha256 }: Download, standby: Server, from = '127.0.0.1:'): Promise<void> {
  const { status, stderr, result } = withResult(await get.ended);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: `kwik: ${link.address()} is gone or about to stop; ${standby.address} goes on with the session\n`,
  });
  expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
  expect(result).toMatchObject({ sha256, bytes: BYTES, size: BYTES, resumedFrom: 0 });
  expect(result.paths).toMatchObject([
    { server: link.address(), state: 'dead', reason: `${standby.address} took the session over` },
    { server: standby.address, state: 'active' },
  ]);
  await standby.process.printed(new RegExp(`"session-opened".*"takenOver":true,"takenFrom":"${from}`, 'u'));
}

describe('a download from a primary', () => {
  test('that is killed goes on at the standby, in the same session, and the file is whole', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const key = await fleetKey();
    const standby = await harness.serve('b', ['--fleet-key', key]);
    const made = await download(standby, ['--fleet-key', key]);
    made.primary.process.kill('SIGKILL');
    await expectWhole(made, standby);
    // The standby confirmed the digest of the whole, by its own copy.
    await standby.process.printed(/"event":"served".*"op":"get","path":"film.bin","bytes":0,"offset":12000000/u);
    // And tells what it carried.
    const [, sent] = await standby.process.printed(/"event":"session-closed".*"sentBytes":(\d+)/u);
    expect(Number(sent)).toBeGreaterThan(MB);
  });

  test('that is told to stop goes on at the standby, and the primary need not be killed', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const key = await fleetKey();
    const standby = await harness.serve('b', ['--fleet-key', key]);
    const made = await download(standby, ['--fleet-key', key]);
    made.primary.process.kill('SIGTERM');
    expect(await made.primary.process.ended).toMatchObject({ status: 0 });
    await expectWhole(made, standby);
  });

  test('of several workers that is told to stop goes on at the standby', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const key = await fleetKey();
    const standby = await harness.serve('b', ['--fleet-key', key]);
    const made = await download(standby, ['--fleet-key', key, '--workers', '2']);
    made.primary.process.kill('SIGTERM');
    expect(await made.primary.process.ended).toMatchObject({ status: 0 });
    await expectWhole(made, standby);
  });

  test('survives it while the keys of the fleet are changed', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const [old, next] = [await fleetKey('old.key'), await fleetKey('next.key')];
    const standby = await harness.serve('b', ['--fleet-key', next, '--fleet-key', old]);
    const made = await download(standby, ['--fleet-key', old]);
    made.primary.process.kill('SIGKILL');
    await expectWhole(made, standby);
  });

  test('goes on at the first standby that answers', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const key = await fleetKey();
    const standby = await harness.serve('b', ['--fleet-key', key]);
    const silent = await harness.silentServer();
    const made = await download(standby, ['--fleet-key', key, '--standby', silent]);
    made.primary.process.kill('SIGKILL');
    await expectWhole(made, standby);
  });

  test('goes on at the next standby where the preferred one has another key, which the log says', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const [one, other] = [await fleetKey('one.key'), await fleetKey('other.key')];
    const stranger = await harness.serve('b', ['--fleet-key', other]);
    const standby = await harness.serve('b', ['--fleet-key', one]);
    const made = await download(standby, ['--fleet-key', one, '--standby', stranger.address]);
    const said = `"event":"standby-unable","server":"${stranger.address}","reason":".*fleet keys are not the same"`;
    await made.primary.process.printed(new RegExp(said, 'u'));
    made.primary.process.kill('SIGKILL');
    await expectWhole(made, standby);
  });

  test('ends with an error where the only standby has another key, and the part is kept', async () => {
    await harness.makeFile('b/film.bin', BYTES);
    const [one, other] = [await fleetKey('one.key'), await fleetKey('other.key')];
    const standby = await harness.serve('b', ['--fleet-key', other]);
    const none = /"event":"standby","server":null,"answers":false,"reason":".*fleet keys are not the same"/u;
    const { primary, get } = await download(standby, ['--fleet-key', one], '8', none);
    primary.process.kill('SIGKILL');
    expect(await get.ended).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/are kept; run the same command/u),
    });
  });
});

// eslint-disable-next-line no-restricted-syntax -- the program of Debian may be missing; then it is skipped by name
const testWithEtcd = missingPrograms(ETCD).length > 0 ? test.skip : test;

describe('a standby that discovery finds', () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function registry(): Promise<string> {
    const running = harness.start(['registry', '--listen', '127.0.0.1:0']);
    const [, url = ''] = await running.printed(/^listening on (https?:\S+)\n/u);
    return url;
  }

  async function etcd(): Promise<string> {
    const { port, stop } = await startRealServer(ETCD);
    closers.push(stop);
    return `etcd:127.0.0.1:${port}`;
  }

  /** `of`: the folder that it serves, and its id. */
  async function announced(source: string, of: string, args: readonly string[]): Promise<Server> {
    await harness.makeFile(`${of}/film.bin`, BYTES);
    const named = ['--announce', source, '--service', 'films', '--server-id', of];
    const server = await harness.serve(of, [...named, ...args]);
    await server.process.printed(/"event":"announced"/u);
    return server;
  }

  const chosen = ({ address }: Server): RegExp =>
    new RegExp(`"event":"standby","server":"${address}","answers":true,"reason":"found: `, 'u');

  /** A primary that is killed in the middle; one server of the service has no key of the fleet, one stops before. */
  async function survives(source: string): Promise<void> {
    const key = ['--fleet-key', await fleetKey()];
    await announced(source, 'stranger', []);
    const primary = await announced(source, 'a', [...key, '--standby-from', source]);
    // Nobody else has the key, and it is not its own standby.
    await primary.process.printed(/"event":"standby","server":null,"answers":false,"reason":"'films' has no other /u);
    const stopped = await announced(source, 'b', key);
    await primary.process.printed(chosen(stopped));
    const standby = await announced(source, 'c', key);
    stopped.process.kill('SIGTERM');
    await primary.process.printed(chosen(standby));
    const sha256 = await sha256Of(harness.path('a/film.bin'));
    const link = await harness.linkTo(primary);
    const get = harness.start(['get', '--json', '-t', '60', `kwik://${link.address()}/film.bin`, '-o', 'out.bin']);
    await grownTo(harness.path('out.bin.kwik-part'), 3 * MB, get);
    primary.process.kill('SIGKILL');
    await expectWhole({ primary, link, get, sha256 }, standby, 'a');
  }

  test('by a registry is followed as it comes and goes, and the file of a killed primary goes on there', () =>
    registry().then(survives));

  testWithEtcd('by etcd is followed as it comes and goes, and the file of a killed primary goes on there', () =>
    etcd().then(survives),
  );

  test.each([
    [['--standby-from', 'mdns', '--service', 'films'], /--standby-from needs --fleet-key FILE/u],
    [['--standby-from', 'mdns', '--fleet-key', 'x'], /--standby-from takes --service NAME/u],
    [['--standby-from', '127.0.0.1:1', '--fleet-key', 'x', '--service', 'films'], /it is no kind of source/u],
  ])('%j is refused in one line', async (args, why) => {
    const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '0', ...args]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(why) });
  });
});

describe('the key of a fleet', () => {
  test('is made for its owner alone, and never over a file that is there', async () => {
    const path = await fleetKey();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).toMatch(/^[0-9a-f]{64}\n$/u);
    const again = await runHere(['fleet', 'key', path]);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('it exists already') });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('is whole or not there when the disk is full, and can be made when there is room', async () => {
    const path = harness.path('keys', 'fleet.key');
    await mkdir(harness.path('keys'));
    // No file may grow beyond nothing, as on a disk that is full.
    const full = ['-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh', process.execPath, BIN, 'fleet', 'key', path];
    const { status, stderr } = spawnSync('sh', full, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(`cannot write the key ${path}`) });
    expect(await readdir(harness.path('keys'))).toEqual([]);
    expect((await runHere(['fleet', 'key', path])).status).toBe(0);
    expect(await readdir(harness.path('keys'))).toEqual(['fleet.key']);
  });

  test('that others may read is not used, and the message says what to do', async () => {
    const path = await fleetKey();
    await chmod(path, 0o640);
    const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '0', '--fleet-key', path]);
    expect(status).toBe(4);
    expect(stderr).toContain(`make it private with: chmod 600 ${path}`);
  });

  test('that is none is refused with the command that makes one, and is not shown', async () => {
    const path = harness.path('wrong.key');
    await writeFile(path, 'a secret all the same', { mode: 0o600 });
    const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '0', '--fleet-key', path]);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining(`kwik fleet key ${path}`) });
    expect(stderr).not.toContain('a secret');
  });

  test('is in a file, and in no pipe that nobody writes to, nor in a folder', async () => {
    execFileSync('mkfifo', ['-m', '600', harness.path('pipe')]);
    for (const path of [harness.path('pipe'), harness.folder]) {
      const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '0', '--fleet-key', path]);
      expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining(`${path} is no file`) });
    }
  });

  test('is what fleet status asks each server by, and says of each whether sessions could go on there', async () => {
    await harness.makeFile('b/film.bin', 1);
    const [key, other] = [await fleetKey(), await fleetKey('other.key')];
    const keys = [['--fleet-key', key], ['--fleet-key', other], []];
    const running = await Promise.all(keys.map((args) => harness.serve('b', args)));
    const [able, stranger, keyless] = running.map(({ address }) => address);
    const silent = await harness.silentServer();
    const source = `static:${[able, stranger, keyless, silent].join(',')}`;
    const takeovers = async (...args: readonly string[]) => {
      const asked = await runHere(['fleet', 'status', 'films', '--discover', source, '--json', ...args]);
      expect(asked.status).toBe(0);
      const { servers } = JSON.parse(asked.stdout) as { servers: { server: string; takeover: unknown }[] };
      return Object.fromEntries(servers.map(({ server, takeover }) => [server, takeover]));
    };
    const [asked, unasked] = await Promise.all([takeovers('--fleet-key', key), takeovers()]);
    expect(asked).toEqual({
      [able!]: { takes: 'yes', reason: '' },
      [stranger!]: { takes: 'no', reason: expect.stringContaining('fleet keys are not the same') },
      [keyless!]: { takes: 'no', reason: expect.stringContaining('it has no fleet key') },
      [silent]: null,
    });
    expect(Object.values(unasked)).toEqual([null, null, null, null]);
    for (const { process } of running) {
      process.kill('SIGTERM');
      expect((await process.ended).stdout).not.toContain('session-opened');
    }
  });

  test('is needed for a standby', async () => {
    const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '0', '--standby', '127.0.0.1:1']);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining('--standby needs --fleet-key FILE'),
    });
  });
});

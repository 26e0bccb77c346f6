import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Link } from '@kwik/testbed';
import { parseHostPort } from '../src/address.js';
import { grownTo, Harness, sha256Of, withResult, type Server } from './harness.js';

jest.setTimeout(120_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Everything that a failed command says: one line, on stderr. */
function oneLineError(pattern: RegExp): unknown {
  return expect.stringMatching(new RegExp(`^kwik: [^\\n]*${pattern.source}[^\\n]*\\n$`, pattern.flags));
}

describe('a file from one server', () => {
  test('an empty file arrives as an empty file', async () => {
    await harness.makeFile('a/empty', 0);
    const { address } = await harness.serve('a');
    const { status, result } = await harness.get([`kwik://${address}/empty`]);
    expect(status).toBe(0);
    expect(result).toMatchObject({
      bytes: 0,
      size: 0,
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    });
    expect((await stat(harness.path('empty'))).size).toBe(0);
    expect(await readdir(harness.folder)).not.toContain('empty.kwik-part');
  });

  test('without --json the end is said in words, and -o - writes the content and nothing else', async () => {
    await harness.makeFile('a/dir/with blank', 3 * MB);
    const { address } = await harness.serve('a');
    const url = `kwik://${address}/dir/with%20blank`;
    const words = await harness.run(['get', url]);
    const sha256 = await sha256Of(harness.path('with blank'));
    expect(words).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(`^.*with blank: 3.00 MB in .*${sha256}\n$`),
    });
    await harness.makeFile('a/text', 0);
    await writeFile(harness.path('a/text'), 'to be read\n');
    const piped = await harness.run(['get', `kwik://${address}/text`, '-o', '-']);
    expect(piped).toMatchObject({ status: 0, stdout: 'to be read\n' });
  });

  test('a file that does not exist: 3, and nothing is left behind', async () => {
    const { address } = await harness.serve('a');
    const { status, stderr, result } = await harness.get([`kwik://${address}/missing.bin`, '-o', 'out.bin']);
    expect({ status, stderr }).toEqual({ status: 3, stderr: oneLineError(/missing\.bin: no such file/u) });
    expect(result).toMatchObject({ sha256: null, error: { code: 'ERR_KWIK_SOURCE_NOT_FOUND' } });
    expect((await readdir(harness.folder)).filter((name) => name.startsWith('out'))).toEqual([]);
  });

  test('nothing is overwritten, unless --force says so', async () => {
    const sha256 = await harness.makeFile('a/film.bin', MB);
    const { address } = await harness.serve('a');
    await writeFile(harness.path('out.bin'), 'mine');
    const args = [`kwik://${address}/film.bin`, '-o', 'out.bin'];
    const refused = await harness.get(args);
    expect(refused).toMatchObject({ status: 1, stderr: oneLineError(/out\.bin exists already; use --force/u) });
    expect(await readFile(harness.path('out.bin'), 'utf8')).toBe('mine');
    expect(await harness.get([...args, '--force'])).toMatchObject({ status: 0, result: { sha256 } });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
  });
});

describe('what a server does not give', () => {
  let shared: Harness;
  let address: string;
  beforeAll(async () => {
    shared = await Harness.create();
    await makeTraps();
    ({ address } = await shared.serve('a'));
  });
  afterAll(() => shared.close());

  test.each([
    ['..', '../secret'],
    ['.. further down', 'inside/../../secret'],
    ['an encoded ..', '%2e%2e/secret'],
    ['an absolute path', '/etc/hostname'],
    ['a link out of the folder', 'link'],
    ['a file behind a linked folder', 'linked/secret'],
    ['a pipe', 'pipe'],
    ['a folder', 'inside'],
  ])('%s', async (_name, path) => {
    const { status, stderr, result } = await shared.get([`kwik://${address}/${path}`, '-o', 'out']);
    expect({ status, stderr }).toEqual({ status: 3, stderr: oneLineError(/./u) });
    expect(result.error?.code).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(await readdir(shared.folder)).not.toContain('out');
  });

  test('a link that stays inside is served, and a listing holds what is served', async () => {
    const { status, result } = await shared.get(['-r', `kwik://${address}/`, '-d', 'got']);
    expect({ status, files: result.files }).toEqual({
      status: 0,
      files: { total: 2, done: 2, skipped: 0, failed: 0 },
    });
    expect((await readdir(shared.path('got'))).sort()).toEqual(['inner', 'inside']);
    expect(await readFile(shared.path('got/inner'), 'utf8')).toBe('inside');
  });

  async function makeTraps(): Promise<void> {
    await mkdir(shared.path('a/inside'), { recursive: true });
    await writeFile(shared.path('secret'), 'secret');
    await writeFile(shared.path('a/inside/file'), 'inside');
    await symlink('../secret', shared.path('a/link'));
    await symlink('..', shared.path('a/linked'));
    await symlink('inside/file', shared.path('a/inner'));
    execFileSync('mkfifo', [shared.path('a/pipe')]);
  }
});

describe('no connection', () => {
  test('a wrong authority: 4, and the message says that it is the certificate', async () => {
    await harness.makeFile('a/file', 10);
    const server = await harness.serve('a');
    await harness.serve('b', [], { KWIK_DATA_DIR: harness.path('others') });
    const wrong = harness.path('others/dev-authority/ca.pem');
    const { status, stderr, result } = await harness.get([`kwik://${server.address}/file`, '--ca', wrong]);
    expect({ status, stderr }).toEqual({ status: 4, stderr: oneLineError(/certificate.*authority.*--ca/iu) });
    expect(result.error?.code).toBe('ERR_KWIK_CERTIFICATE');
    const right = harness.path('data/dev-authority/ca.pem');
    expect(await harness.get([`kwik://${server.address}/file`, '--ca', right])).toMatchObject({ status: 0 });
  });

  test('nobody listens: 4 within the timeout, with what to do', async () => {
    const address = await unusedAddress();
    const { status, stderr, result } = await harness.get([`kwik://${address}/file`, '--timeout', '2']);
    expect({ status, stderr }).toEqual({ status: 4, stderr: oneLineError(/is 'kwik serve' running at/u) });
    expect(result.seconds).toBeLessThan(6);
  });

  test('nobody listens at the first address, but at the --server after it', async () => {
    const sha256 = await harness.makeFile('a/file', MB);
    const { address } = await harness.serve('a');
    const first = await unusedAddress();
    const { status, stderr, result } = await harness.get([
      ...[`kwik://${first}/file`, '--server', address],
      ...['--timeout', '2', '-o', 'out'],
    ]);
    expect(status).toBe(0);
    expect(stderr).toContain(`trying ${address}`);
    expect(result.sha256).toBe(sha256);
  });

  async function unusedAddress(): Promise<string> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await new Promise<void>((resolve) => void socket.close(resolve));
    return `127.0.0.1:${port}`;
  }
});

describe('a broken download', () => {
  const BYTES = 12 * MB;
  /** What has come when it is broken off. */
  const BROKEN_AT = 2 * MB;
  let server: Server;
  let link: Link;
  /** Of the server, over a link on which the file takes seconds: none of it is whole before it is broken off. */
  let address: string;
  let sha256: string;
  beforeEach(async () => {
    sha256 = await harness.makeFile('a/film.bin', BYTES);
    server = await harness.serve('a');
    link = await Link.create({ target: parseHostPort(server.address), both: { rateBitsPerSecond: 40e6, delayMs: 1 } });
    address = link.address();
  });
  afterEach(() => link.close());

  test('SIGKILL: the part stays, and the next run goes on from it', async () => {
    const args = [`kwik://${address}/film.bin`, '-o', 'out.bin'];
    const first = harness.start(['get', '--json', ...args]);
    await grownTo(harness.path('out.bin.kwik-part'), BROKEN_AT, first);
    first.kill('SIGKILL');
    expect((await first.ended).status).toBe('SIGKILL');
    await expectResumed(args);
  });

  test('Ctrl-C: 130, the part stays, and the way to go on is said', async () => {
    const args = [`kwik://${address}/film.bin`, '-o', 'out.bin'];
    const first = harness.start(['get', '--json', ...args]);
    await grownTo(harness.path('out.bin.kwik-part'), BROKEN_AT, first);
    first.kill('SIGINT');
    const { status, stderr, result } = withResult(await first.ended);
    expect({ status, stderr }).toEqual({
      status: 130,
      stderr: oneLineError(/interrupted; [\d.]+ MB are kept; run the same command again to resume/u),
    });
    expect(result.error?.code).toBe('ERR_KWIK_ABORTED');
    await expectResumed(args);
  });

  test('a part that is of other content is not built upon', async () => {
    await writeFile(harness.path('out.bin.kwik-part'), Buffer.alloc(MB));
    const { status, result } = await harness.get([`kwik://${address}/film.bin`, '-o', 'out.bin']);
    expect({ status, bytes: result.bytes }).toEqual({ status: 0, bytes: BYTES });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
  });

  test('the server is stopped: 4, and the part stays', async () => {
    const args = [`kwik://${address}/film.bin`, '-o', 'out.bin', '--timeout', '3'];
    const get = harness.start(['get', '--json', ...args]);
    await grownTo(harness.path('out.bin.kwik-part'), BROKEN_AT, get);
    server.process.kill('SIGTERM');
    expect((await server.process.ended).status).toBe(0);
    const { status, stderr } = await get.ended;
    expect({ status, stderr }).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/MB are kept; run the same/u),
    });
  });

  async function expectResumed(args: readonly string[]): Promise<void> {
    const { size } = await stat(harness.path('out.bin.kwik-part'));
    expect(size).toBeGreaterThanOrEqual(BROKEN_AT);
    const { status, result } = await harness.get(args);
    expect(status).toBe(0);
    expect(result).toMatchObject({ resumedFrom: size, bytes: BYTES - size, size: BYTES, sha256 });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect((await readdir(harness.folder)).filter((name) => name.startsWith('out.bin'))).toEqual(['out.bin']);
  }
});

describe('a certificate that is renewed', () => {
  function selfSigned(folder: string): { cert: string; key: string } {
    const [cert, key] = [harness.path(folder, 'cert.pem'), harness.path(folder, 'key.pem')];
    const made = ['-subj', '/CN=kwik', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1', '-nodes'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...made, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    return { cert, key };
  }

  test('is shown to clients that come then', async () => {
    await harness.makeFile('a/file', 10);
    for (const folder of ['former', 'next', 'live']) await mkdir(harness.path(folder));
    const [former, next] = [selfSigned('former'), selfSigned('next')];
    const live = { cert: harness.path('live/cert.pem'), key: harness.path('live/key.pem') };
    await copyFile(former.cert, live.cert);
    await copyFile(former.key, live.key);
    const server = await harness.serve('a', ['--cert', live.cert, '--key', live.key]);
    const statusBy = async (ca: string) =>
      (await harness.get([`kwik://${server.address}/file`, '-f', '--ca', ca])).status;
    expect(await statusBy(former.cert)).toBe(0);

    await copyFile(next.cert, live.cert);
    expect(await statusBy(former.cert)).toBe(0);
    await copyFile(next.key, live.key);
    await server.process.printed(/"certificate-renewed"/u);
    expect(await statusBy(next.cert)).toBe(0);
    expect(await statusBy(former.cert)).toBe(4);
  });
});

import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { ETCD, freePort, missingPrograms, startRealServer } from '@kwik/testbed/programs';
import { z } from 'zod';
import { grownTo, Harness, sha256Of, type Server } from './harness.js';

/** Processes start, leases end, on machines that do much else at the time. */
jest.setTimeout(300_000);

const MB = 1_000_000;

let harness: Harness;
let etcd: string;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  harness = await Harness.create();
  if (missingPrograms(ETCD).length > 0) return;
  const { port, stop } = await startRealServer(ETCD);
  closers.push(stop);
  etcd = `etcd:127.0.0.1:${port}`;
});
afterEach(async () => {
  await harness.close();
  for (const close of closers.splice(0)) await close();
});

// eslint-disable-next-line no-restricted-syntax -- the program of Debian may be missing; then it is skipped by name
const testWithEtcd = missingPrograms(ETCD).length > 0 ? test.skip : test;

/** All have the same files, and bring one other server into sessions. */
async function serve(id: string, args: readonly string[] = []): Promise<Server> {
  const source = ['--announce', etcd, '--discover', etcd, '--service', 'films', '--replicas', '1'];
  const server = await harness.serve('a', [...source, '--server-id', id, ...args]);
  await server.process.printed(/"event":"announced"/u);
  return server;
}

function fleet(...args: string[]) {
  return harness.run(['fleet', ...args, '--discover', etcd, '--json']);
}

const statusShape = z.object({
  servers: z.array(
    z.object({
      server: z.string(),
      accepting: z.boolean(),
      load: z.number().nullable(),
      version: z.string().nullable(),
      answersMs: z.number().nullable(),
      drain: z.object({ by: z.string(), reason: z.string() }).nullable(),
    }),
  ),
  drainsOfAbsent: z.array(z.string()),
});

async function status(): Promise<z.infer<typeof statusShape>> {
  const { stdout } = await fleet('status', 'films');
  const found = statusShape.parse(JSON.parse(stdout));
  return { ...found, servers: found.servers.sort((a, b) => (a.server < b.server ? -1 : 1)) };
}

/** Within the time that the test has. */
async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    await pause(100);
  }
}

testWithEtcd(
  'a server that is to drain hands its paths over, and nobody misses a byte when it is killed then',
  async () => {
    const hash = await harness.makeFile('a/big', 60 * MB);
    const one = await serve('one');
    const others = { two: await serve('two'), three: await serve('three') };
    const { servers } = await status();
    expect(servers.map(({ server, accepting }) => [server, accepting])).toEqual([
      ['one', true],
      ['three', true],
      ['two', true],
    ]);
    for (const { answersMs, version } of servers)
      expect([typeof answersMs, typeof version]).toEqual(['number', 'string']);

    const download = harness.start(['get', '--json', `kwik://${one.address}/big`, '-o', harness.path('copy')]);
    const [, first = ''] = await one.process.printed(/"event":"peer-added","session":"\w+","server":"([^"]+)"/u);
    await grownTo(harness.path('copy.kwik-part'), MB, download);
    const [id, drained] =
      others.two.address === first ? (['two', others.two] as const) : (['three', others.three] as const);
    // By its address, as an operator may know it; and until nobody is there.
    expect(await fleet('drain', 'films', first, '--reason', 'new disk', '--wait', '120')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/"marked"[^]*"draining"[^]*"drained"/u),
    });
    await drained.process.printed(/"event":"draining","by":"[^"]*","reason":"new disk"/u);
    drained.process.kill('SIGKILL');
    expect((await download.ended).status).toBe(0);
    expect(await sha256Of(harness.path('copy'))).toBe(hash);

    // The mark outlives the server, and holds from its first word on when it is back.
    const back = await serve(id);
    await back.process.printed(/"event":"draining"[^]*"event":"announced"/u);
    expect((await status()).servers.find(({ server }) => server === id)).toMatchObject({
      accepting: false,
      drain: { reason: 'new disk' },
    });
    expect(await fleet('undrain', 'films', id)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('"serving"'),
    });
    await back.process.printed(/"event":"undrained"/u);
    expect(await fleet('undrain', 'films', id)).toMatchObject({ status: 3 });
  },
);

testWithEtcd.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
] as const)(
  'a server that is to drain hands its own sessions to its standby, and nobody misses a byte: %s',
  async (_, workers) => {
    const hash = await harness.makeFile('a/film', 12 * MB);
    expect((await harness.run(['fleet', 'key', harness.path('fleet.key')])).status).toBe(0);
    const source = ['--announce', etcd, '--service', 'films', '--fleet-key', harness.path('fleet.key')];
    const two = await harness.serve('a', [...source, '--server-id', 'two']);
    await two.process.printed(/"event":"announced"/u);
    const one = await harness.serve('a', [...source, '--server-id', 'one', '--standby', two.address, ...workers]);
    await one.process.printed(/"event":"announced"/u);
    const link = await harness.linkTo(one);
    const download = harness.start(['get', '--json', `kwik://${link.address()}/film`, '-o', harness.path('copy')]);
    await grownTo(harness.path('copy.kwik-part'), 2 * MB, download);
    expect(await fleet('drain', 'films', 'one', '--wait', '120')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/"marked"[^]*"draining"[^]*"drained"/u),
    });
    const ended = await download.ended;
    expect([ended.status, ended.stderr]).toEqual([
      0,
      expect.stringContaining(`${two.address} goes on with the session`),
    ]);
    expect(await sha256Of(harness.path('copy'))).toBe(hash);
    await one.process.printed(/"event":"handed-over","gone":1,"left":0/u);
    await two.process.printed(/"event":"session-opened".*"takenOver":true,"takenFrom":"one"/u);
    // It runs on, and takes clients again when it may.
    expect(await fleet('undrain', 'films', 'one')).toMatchObject({ status: 0 });
    expect((await harness.run(['get', `kwik://${one.address}/film`, '-o', harness.path('again')])).status).toBe(0);
  },
);

testWithEtcd(
  'a killed member is told from one that answers; what does not obey, and the last one, are said',
  async () => {
    const one = await serve('one');
    const two = await serve('two');
    two.process.kill('SIGKILL');
    const { servers } = await status();
    const answers = servers.map(({ server, answersMs }) => [server, answersMs !== null]);
    // Its lease lives on for a while.
    expect(answers).toEqual([
      ['one', true],
      ['two', false],
    ]);
    const late = await fleet('drain', 'films', 'two', '--timeout', '1');
    expect([late.status, late.stdout]).toEqual([1, expect.stringContaining('"not-obeyed"')]);
    const gone = await eventually(status, (found) => found.servers.length === 1);
    expect(gone.drainsOfAbsent).toEqual(['two']);
    const last = await fleet('drain', 'films', 'one');
    expect([last.status, last.stdout]).toEqual([1, expect.stringContaining('"reason":"last"')]);
    expect(await fleet('drain', 'films', 'other')).toMatchObject({
      status: 3,
      stdout: expect.stringContaining('"one"'),
    });
    expect(await fleet('drain', 'films', 'one', '--force')).toMatchObject({ status: 0 });
    expect(await fleet('status', 'films')).toMatchObject({ status: 3 });
    one.process.kill('SIGINT');
    expect((await one.process.ended).status).toBe(0);
  },
);

testWithEtcd('of two operators the second is told of the first, and whoever waits is told of an undrain', async () => {
  const one = await serve('one');
  await serve('two');
  // A session that goes on.
  const tunnel = harness.start(['tunnel', one.address, '--socks5', '127.0.0.1:0', '--json']);
  await tunnel.printed(/"event":"listening"/u);
  const options = ['--discover', etcd, '--json'];
  const first = harness.start(['fleet', 'drain', 'films', 'one', '--reason', 'disk', '--wait', '280', ...options]);
  await first.printed(/"event":"draining"/u);
  const second = await fleet('drain', 'films', 'one', '--reason', 'kernel');
  expect([second.status, second.stdout]).toEqual([
    0,
    expect.stringMatching(/"marked","server":"one","before":\{"atMs":\d+,"by":"[^"]*","reason":"disk"\}/u),
  ]);
  expect((await status()).servers[0]).toMatchObject({ server: 'one', drain: { reason: 'kernel' } });
  // While one drains, the other is the last.
  expect(await fleet('drain', 'films', 'two')).toMatchObject({ status: 1, stdout: expect.stringContaining('"last"') });
  expect(await fleet('undrain', 'films', 'one')).toMatchObject({ status: 0 });
  expect(await first.ended).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/"event":"undrained"[^\n]*\n$/u),
  });
  expect(await fleet('undrain', 'films', 'one')).toMatchObject({
    status: 3,
    stdout: expect.stringContaining('"not-marked","server":"one","marked":[]'),
  });
});

testWithEtcd(
  'a drained server that is killed is gone; etcd that goes away in the middle is named, and the status is 4',
  async () => {
    const one = await serve('one');
    await serve('two');
    const tunnel = harness.start(['tunnel', one.address, '--socks5', '127.0.0.1:0', '--json']);
    await tunnel.printed(/"event":"listening"/u);
    const drain = (...args: string[]) =>
      harness.start(['fleet', 'drain', 'films', 'one', '--discover', etcd, '--json', ...args]);
    const waiting = drain('--wait', '280');
    await waiting.printed(/"event":"draining"/u);
    one.process.kill('SIGKILL');
    expect(await waiting.ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('"gone","server":"one","answers":false'),
    });

    await serve('one');
    expect(await fleet('undrain', 'films', 'one')).toMatchObject({ status: 0 });
    for (const close of closers.splice(0)) await close();
    const undone = await fleet('drain', 'films', 'one', '--timeout', '1');
    expect([undone.status, undone.stderr]).toEqual([4, expect.stringContaining(etcd.replace('etcd:', ''))]);
  },
);

testWithEtcd('capacity is what servers offer and carry, once they have said their load', async () => {
  await Promise.all(['one', 'two', 'three'].map((id) => serve(id)));
  const read = async () => JSON.parse((await fleet('capacity', 'films')).stdout) as Record<string, unknown>;
  const capacity = await eventually(read, ({ unknown }) => (unknown as unknown[]).length === 0);
  expect(capacity).toMatchObject({ offered: 3, carried: 0, used: 0, missing: 0 });
  expect(capacity['couldGo']).toHaveLength(1);
  const { status: code, stdout } = await harness.run(['fleet', 'capacity', 'films', '--keep', '1', '--discover', etcd]);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^films: 0 % of what 3 servers offer is used[^]*\n2 could go/u),
  ]);
});

testWithEtcd('an etcd that is slow to answer is waited for', async () => {
  await serve('one');
  // More than a client that looks for servers waits.
  const slow = createServer((socket) => {
    socket.on('error', () => undefined);
    const port = Number(etcd.split(':').at(-1));
    void pause(2500)
      .then(() => pipeline(socket, connect(port, '127.0.0.1'), socket))
      .catch(() => undefined);
  });
  slow.listen(0, '127.0.0.1');
  await once(slow, 'listening');
  closers.push(() => promisify(slow.close.bind(slow))());
  const source = ['--discover', `etcd:127.0.0.1:${(slow.address() as AddressInfo).port}`, '--json'];
  expect(await harness.run(['fleet', 'drain', 'films', 'one', '--force', ...source])).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/"marked"[^]*"draining"/u),
  });
});

test('an etcd that is down: each command says which one, and ends with 4', async () => {
  const at = `127.0.0.1:${await freePort()}`;
  const ends = ['status films', 'drain films one', 'undrain films one', 'capacity films'].map(async (words) => {
    const {
      status: code,
      stdout,
      stderr,
    } = await harness.run(['fleet', ...words.split(' '), '--discover', `etcd:${at}`]);
    return { code, stdout, named: stderr.includes(at), lines: stderr.trimEnd().split('\n').length };
  });
  for (const end of await Promise.all(ends)) expect(end).toEqual({ code: 4, stdout: '', named: true, lines: 1 });
});

test('without an etcd no server can be marked', async () => {
  const listed = ['--discover', 'static:127.0.0.1:9,127.0.0.1:10'];
  const drained = await harness.run(['fleet', 'drain', 'films', '127.0.0.1:9', ...listed]);
  expect([drained.status, drained.stderr]).toEqual([2, expect.stringContaining('servers are marked in etcd')]);
  const { stdout } = await harness.run(['fleet', 'status', 'films', ...listed]);
  expect(stdout).toMatch(
    /^films: 2 servers, of which 2 take clients\n\+ 127\.0\.0\.1:\d+[^]*does not answer; load unknown/u,
  );
});

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until, VirtualClock } from '@kwik/testbed';
import { freePort } from '@kwik/testbed/programs';
import type { DiscoverySnapshot } from '@kwik/wire';
import { encode, type Answer } from 'dns-packet';
import makeMdns from 'multicast-dns';
import {
  announceByMdns,
  createDiscovery,
  makeRecord,
  mdns,
  pollingSource,
  watchedFile,
  type DiscoverySource,
} from '../src/index.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function follow(source: DiscoverySource): { said: (DiscoverySnapshot | Error)[]; ids(): string[] } {
  const controller = new AbortController();
  closers.push(() => controller.abort());
  const said: (DiscoverySnapshot | Error)[] = [];
  void (async () => {
    for await (const snapshot of source.watch(controller.signal)) said.push(snapshot);
  })().catch((error: unknown) => said.push(error as Error));
  const ids = () =>
    ((said.at(-1) as DiscoverySnapshot | undefined)?.servers ?? []).map(({ record }) => record.serverId).sort();
  return { said, ids };
}

const record = (serverId: string, more = {}) => makeRecord({ serverId, addresses: ['127.0.0.1:4433'], ...more });

/** What is said on the wire of a port, seen by one who may ask as well. */
async function listenTo(port: number) {
  const peer = makeMdns({ interface: '127.0.0.1', bind: '0.0.0.0', port });
  closers.push(() => new Promise<void>((resolve) => peer.destroy(() => resolve())));
  await new Promise((resolve) => peer.on('ready', resolve));
  const heard = { asked: 0, answered: 0, goodbye: false };
  peer.on('query', () => heard.asked++);
  peer.on('response', ({ answers = [] }) => {
    heard.answered++;
    heard.goodbye = answers.some((answer) => 'ttl' in answer && answer.ttl === 0);
  });
  return { peer, heard };
}

const TYPE = '_kwik._udp.local';

/** As a server says it that announces itself. */
const recordsOf = (id: string, label = id, ttl = 120): Answer[] => [
  { name: `${label}.${TYPE}`, type: 'SRV', ttl, data: { target: 'h.local', port: 1000 } },
  { name: `${label}.${TYPE}`, type: 'TXT', ttl, data: [`id=${id}`, 'svc=films'] },
];

/** Sends bytes to all who listen at the port, as they are. */
async function sendRaw(bytes: Buffer, port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.setMulticastInterface('127.0.0.1');
  await new Promise<unknown>((resolve) => socket.send(bytes, port, '224.0.0.251', resolve));
  await new Promise<void>((resolve) => socket.close(resolve));
}

/** Until packets have come, and what is due after them was done: virtual time goes on meanwhile. */
const untilBy = (clock: VirtualClock, stepMs: number, condition: () => boolean) =>
  until(() => {
    clock.advanceBy(stepMs);
    return condition();
  });

describe('mDNS on loopback', () => {
  const own = async () => ({ service: 'films', interface: '127.0.0.1', port: await freePort() });

  test('servers are found whoever came first, each of its service, not oneself; and say goodbye', async () => {
    const options = await own();
    const early = announceByMdns(record('early', { region: 'eu', capabilities: ['replica'] }), options);
    closers.push(() => early.close());
    const other = announceByMdns(record('other'), { ...options, service: 'music' });
    closers.push(() => other.close());
    const found = follow(mdns({ ...options, ignore: ['myself'] }));
    const myself = announceByMdns(record('myself'), options);
    closers.push(() => myself.close());
    const late = announceByMdns(record('late', { addresses: ['127.0.0.1:4434'] }), options);
    closers.push(() => late.close());
    await until(() => found.ids().join() === 'early,late');
    const { servers } = found.said.at(-1) as DiscoverySnapshot;
    expect(servers.find(({ record: { serverId } }) => serverId === 'early')?.record).toMatchObject({
      addresses: ['127.0.0.1:4433'],
      region: 'eu',
      capabilities: ['replica'],
    });
    await early.close();
    await until(() => found.ids().join() === 'late');
  });

  test('are found by whoever waits for them, before anything was said', async () => {
    const options = await own();
    const announced = announceByMdns(record('one'), options);
    closers.push(() => announced.close());
    const discovery = createDiscovery({ sources: [mdns(options)] });
    closers.push(() => discovery.close());
    const { chosen } = await discovery.service('films').select({ count: 1 });
    expect(chosen.map(({ record: { serverId } }) => serverId)).toEqual(['one']);
  });

  test('a server is asked a hundred times, and answers as often as the network bears', async () => {
    const options = await own();
    const clock = new VirtualClock();
    const { peer, heard } = await listenTo(options.port);
    const announced = announceByMdns(record('one'), { ...options, clock });
    closers.push(() => announced.close());
    await clock.advanceByAsync(0);
    await until(() => heard.answered === 1);
    for (let n = 0; n < 100; n++) peer.query([{ name: TYPE, type: 'PTR' }]);
    await until(() => heard.asked === 100);
    // Announcements are due after 1 and 4 s as well, and are answers to those who asked in between.
    for (let step = 0; step < 9; step++) await clock.advanceByAsync(500);
    await announced.close();
    await until(() => heard.goodbye);
    expect(heard.answered).toBeLessThanOrEqual(6);
  });

  test('a change is announced twice, a second apart, as a server is that is new; changes in between share what is left', async () => {
    const options = await own();
    const clock = new VirtualClock();
    const { heard } = await listenTo(options.port);
    const announced = announceByMdns(record('one'), { ...options, clock });
    closers.push(() => announced.close());
    for (const [afterMs, answered] of [
      [0, 1],
      [1000, 2],
      [3000, 3],
    ] as const) {
      await clock.advanceByAsync(afterMs);
      await until(() => heard.answered === answered);
    }
    await clock.advanceByAsync(60_000);
    announced.update(record('one', { tags: ['a'] }));
    await until(() => heard.answered === 4);
    await clock.advanceByAsync(500);
    announced.update(record('one', { tags: ['b'] }));
    await clock.advanceByAsync(500);
    await until(() => heard.answered === 5);
    await clock.advanceByAsync(1000);
    await until(() => heard.answered === 6);
    await clock.advanceByAsync(60_000);
    await announced.close();
    await until(() => heard.goodbye);
    expect(heard.answered).toBe(7);
  });

  test('a server that those who ask know already keeps silent, until half of its time is over', async () => {
    const options = await own();
    const clock = new VirtualClock();
    const { heard } = await listenTo(options.port);
    const announced = announceByMdns(record('one'), { ...options, clock });
    closers.push(() => announced.close());
    await clock.advanceByAsync(0);
    await until(() => heard.answered === 1);
    for (let step = 0; step < 5; step++) await clock.advanceByAsync(1000);
    await until(() => heard.answered === 3);
    const found = follow(mdns({ ...options, clock }));
    await clock.advanceByAsync(0);
    await until(() => heard.answered === 4);
    // From here on it is known. The questions are one every 20 s, after three at first.
    for (let minute = 0; minute < 5; minute++) {
      for (let third = 0; third < 3; third++) {
        const before = heard.asked;
        await clock.advanceByAsync(20_000);
        await until(() => heard.asked > before);
      }
      expect(found.ids()).toEqual(['one']);
    }
    await announced.close();
    await until(() => heard.goodbye);
    // Of 17 questions those are answered that come when half of the two minutes is over.
    expect(heard.answered - 5).toBeGreaterThanOrEqual(3);
    expect(heard.answered - 5).toBeLessThanOrEqual(9);
  });

  test('a name that cannot be said again makes nobody deaf: who heard it goes on to ask, and is answered', async () => {
    const options = await own();
    const clock = new VirtualClock();
    const { peer, heard } = await listenTo(options.port);
    const found = follow(mdns({ ...options, clock }));
    await clock.advanceByAsync(0);
    await until(() => heard.asked === 1);
    const [written, wrong] = ['x'.repeat(63), '\xff'.repeat(63)];
    const packet = encode({ type: 'response', answers: recordsOf('evil', written, 4500) });
    const hostile = Buffer.from(packet.toString('latin1').replaceAll(written, wrong), 'latin1');
    await sendRaw(hostile, options.port);
    await untilBy(clock, 1, () => found.ids().join() === 'evil');
    peer.on('query', () => peer.respond({ answers: recordsOf('real') }));
    await untilBy(clock, 10, () => found.ids().join() === 'evil,real');
  });

  test('nonsense, and servers without end, cost little and harm nobody', async () => {
    const options = await own();
    const found = follow(mdns(options));
    const attacker = makeMdns({ interface: '127.0.0.1', bind: '0.0.0.0', port: options.port });
    closers.push(() => new Promise<void>((resolve) => attacker.destroy(() => resolve())));
    for (let n = 0; n < 40; n++) {
      const answers = Array.from({ length: 10 }, (_, i) => [
        {
          name: `s${n}-${i}.${TYPE}`,
          type: 'SRV' as const,
          ttl: 1e6,
          data: { target: 'h.local', port: (n * 10 + i) % 7 === 0 ? 0 : 1000 + n * 10 + i },
        },
        { name: `s${n}-${i}.${TYPE}`, type: 'TXT' as const, ttl: 1e6, data: [`id=s${n}-${i}`, 'svc=films'] },
      ]).flat();
      attacker.respond({ answers });
    }
    attacker.respond({ answers: [{ name: `x.${TYPE}`, type: 'TXT', ttl: 9, data: 'alone' }] });
    const good = announceByMdns(record('good'), options);
    closers.push(() => good.close());
    await until(() => found.ids().length > 200);
    expect(found.ids().length).toBeLessThanOrEqual(256);
    const { servers } = found.said.at(-1) as DiscoverySnapshot;
    expect(Math.max(...servers.map(({ ttlMs }) => ttlMs ?? Infinity))).toBeLessThanOrEqual(4_500_000);
  });
});

describe('a watched file', () => {
  test('leaves nothing open when it cannot be read, is left early, or is given up', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-file-'));
    closers.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'servers.json');
    const watchers = () => process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;
    const before = watchers();
    const source = watchedFile({ path });
    const signal = new AbortController().signal;
    for (let tried = 0; tried < 3; tried++) {
      await expect(source.watch(signal)[Symbol.asyncIterator]().next()).rejects.toThrow(/cannot be read/);
    }
    await writeFile(path, '[]');
    for await (const { servers } of source.watch(signal)) {
      expect(servers).toEqual([]);
      break;
    }
    const given = new AbortController();
    const watching = source.watch(given.signal)[Symbol.asyncIterator]();
    await watching.next();
    const next = watching.next();
    given.abort();
    await expect(next).resolves.toMatchObject({ done: true });
    expect(watchers()).toBe(before);
  });

  test('is a file: a pipe that nobody writes to, or a device, is refused and not waited for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-file-'));
    closers.push(() => rm(folder, { recursive: true }));
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of [pipe, '/dev/zero', folder]) {
      const watching = watchedFile({ path }).watch(new AbortController().signal)[Symbol.asyncIterator]();
      await expect(watching.next()).rejects.toMatchObject({
        code: 'ERR_KWIK_LOCAL_FILE',
        message: expect.stringContaining(path),
      });
    }
  });

  test('is read again when it is replaced; what is wrong is a failure, and never an empty list', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-file-'));
    closers.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'servers.json');
    const put = async (text: string) => {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    };
    const missing = follow(watchedFile({ path }));
    await until(() => missing.said.length === 1);
    expect(missing.said[0]).toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
    await put('[{"serverId":"a","addresses":["a:1"]}]');
    const found = follow(watchedFile({ path }));
    await until(() => found.ids().join() === 'a');
    await put('{"servers":[{"serverId":"b","addresses":["b:1"]},{"addresses":"no"}]}');
    await until(() => found.ids().join() === 'b');
    expect((found.said.at(-1) as DiscoverySnapshot).problems).toHaveLength(1);
    await put('[{"serverId":');
    await until(() => found.said.at(-1) instanceof Error);
    expect(found.said.at(-1)).toMatchObject({ message: expect.stringMatching(/is no JSON/) });
  });
});

test('a polled source: a wrong server is left out and said; a rejection is a failure', async () => {
  let round = 0;
  const read = () => {
    round++;
    if (round === 2) return Promise.reject(new Error('no network'));
    return Promise.resolve([{ serverId: 'a', addresses: ['a:1'] }, { addresses: [] }]);
  };
  const { said } = follow(pollingSource({ name: 'mine', intervalMs: 10, read }));
  await until(() => said.length === 2);
  expect(said[0]).toMatchObject({
    servers: [{ record: { serverId: 'a' } }],
    problems: [expect.stringMatching(/0 addresses/)],
  });
  expect(said[1]).toMatchObject({ message: 'no network' });
});

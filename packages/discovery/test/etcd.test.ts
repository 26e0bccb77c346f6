import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { findProgram, freePort, startProgram, type Program } from '@kwik/testbed/programs';
import type { DiscoverySnapshot } from '@kwik/wire';
import { Etcd3 } from 'etcd3';
import { createDiscovery, makeRecord } from '../src/index.js';
import { announceByEtcd, DrainMarks, etcd, EtcdServers, type DrainMark } from '../src/etcd.js';
import { keepAnnounced } from '../src/sources/announcement.js';
import { systemClock } from '../src/sources/system-clock.js';

jest.setTimeout(90_000);

const program = findProgram('etcd');
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Place {
  readonly hosts: string;
  start(): Promise<Program>;
}

async function place(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-etcd-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const [port, peer] = [await freePort(), await freePort()];
  const hosts = `http://127.0.0.1:${port}`;
  const args = ['--data-dir', folder, '--listen-client-urls', hosts, '--advertise-client-urls', hosts];
  const peers = [
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
  ];
  const start = async () => {
    const running = await startProgram(program!, [...args, ...peers], {
      ready: /serving (insecure )?client requests|ready to serve client requests/,
    });
    closers.push(() => running.stop());
    return running;
  };
  return { hosts, start };
}

function follow(hosts: string): { ids(): string[]; said: DiscoverySnapshot[] } {
  const controller = new AbortController();
  closers.push(() => controller.abort());
  const said: DiscoverySnapshot[] = [];
  void (async () => {
    for await (const snapshot of etcd({ etcd: { hosts }, service: 'films' }).watch(controller.signal))
      said.push(snapshot);
  })().catch(() => undefined);
  return { said, ids: () => said.at(-1)?.servers.map(({ record }) => record.serverId) ?? [] };
}

/** As `announceByHttp` does by way of the API. */
function announceAgain(put: () => Promise<void>): { close(): Promise<void> } {
  return keepAnnounced(record('c'), { clock: systemClock(), everyMs: 1000, put, remove: () => Promise.resolve() });
}

const record = (serverId: string, more = {}) => makeRecord({ serverId, addresses: [`${serverId}.test:4433`], ...more });

// eslint-disable-next-line no-restricted-syntax -- the program of Debian may be missing; then it is skipped by name
const describeWithProgram = program === undefined ? describe.skip : describe;

describeWithProgram('a real etcd', () => {
  test('an announced server is found at once, also past a compaction; nonsense harms nobody; it goes when closed', async () => {
    const { hosts, start } = await place();
    await start();
    const found = follow(hosts);
    const announcement = announceByEtcd(record('one', { region: 'eu' }), { etcd: { hosts }, service: 'films' });
    closers.push(() => announcement.close());
    await until(() => found.ids().includes('one'));
    const client = new Etcd3({ hosts });
    closers.push(() => client.close());
    await client.put('kwik/v1/services/films/broken').value('{"addresses":');
    await client.put('kwik/v1/services/filmstrips/other').value('{"addresses":["x:1"]}');
    await until(() => (found.said.at(-1)?.problems ?? []).length === 1);
    expect(found.ids()).toEqual(['one']);
    const { header } = await client.getAll().exec();
    await client.kv.compact({ revision: header.revision, physical: true });
    announcement.update(record('one', { region: 'us' }));
    await until(() => found.said.at(-1)?.servers[0]?.record.region === 'us');
    await announcement.close();
    await until(() => found.ids().length === 0);
  });

  test('a mark that a server is to drain is told at once, outlives etcd, and is there although somebody wrote nonsense', async () => {
    const { hosts, start } = await place();
    const first = await start();
    const marks = new DrainMarks({ etcd: { hosts }, service: 'films' });
    closers.push(() => marks.close());
    const said: (DrainMark | undefined)[] = [];
    await marks.watch('one', (mark) => said.push(mark));
    expect(said).toEqual([undefined]);
    const mark = { atMs: 1, by: 'ada', reason: 'a new disk' };
    // Of others, one of which has a name that begins the same.
    await marks.set('one-more', mark);
    await marks.set('one', mark);
    await until(() => said.at(-1)?.by === 'ada');
    await first.stop();
    await start();
    await until(() => said.length > 2);
    expect(said.at(-1)).toEqual(mark);
    const client = new Etcd3({ hosts });
    closers.push(() => client.close());
    await client.put('kwik/v1/drains/films/two').value('{"atMs":');
    expect(await marks.all()).toEqual(
      new Map([
        ['one', mark],
        ['one-more', mark],
        ['two', { atMs: 0, by: '', reason: '' }],
      ]),
    );
    expect([await marks.clear('one'), await marks.clear('one')]).toEqual([true, false]);
    await until(() => said.at(-1) === undefined, 30_000);
    await expect(marks.set('one', { ...mark, reason: 'x'.repeat(300) })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
    });
  });

  test('a lease that was lost is granted, and the server put, again', async () => {
    const { hosts, start } = await place();
    await start();
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    const announcement = announceByEtcd(record('one'), {
      etcd: { hosts },
      service: 'films',
      leaseSeconds: 5,
      onFailure,
    });
    closers.push(() => announcement.close());
    const found = follow(hosts);
    await until(() => found.ids().includes('one'));
    const client = new Etcd3({ hosts });
    closers.push(() => client.close());
    for (const { ID } of (await client.leaseClient.leaseLeases()).leases) await client.leaseClient.leaseRevoke({ ID });
    await until(() => found.ids().length === 0);
    await until(() => found.ids().includes('one'), 30_000);
  });

  test('killed and started again: what was known stays meanwhile, marked stale, and all goes on afterwards', async () => {
    const { hosts, start } = await place();
    const first = await start();
    const announcement = announceByEtcd(record('one'), { etcd: { hosts }, service: 'films', leaseSeconds: 5 });
    closers.push(() => announcement.close());
    const discovery = createDiscovery({ sources: [etcd({ etcd: { hosts }, service: 'films' })] });
    closers.push(() => discovery.close());
    const directory = discovery.service('films');
    await until(() => directory.find('one') !== undefined);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    await until(() => directory.sources[0]?.state === 'stale', 40_000);
    expect(directory.find('one')).toBeDefined();
    await start();
    await until(() => directory.sources[0]?.state === 'fresh', 40_000);
    await until(() => directory.find('one') !== undefined, 30_000);
  });

  test('keeps the servers of registries: each knows what the others were told, and what was announced to etcd', async () => {
    const { hosts, start } = await place();
    const program = await start();
    const failures: unknown[] = [];
    const open = async () => {
      const servers = await EtcdServers.open({ etcd: { hosts }, onFailure: (error) => failures.push(error) });
      closers.push(() => servers.close());
      return servers;
    };
    const [one, other] = [await open(), await open()];
    const ids = (store: EtcdServers) => store.list('films').map((found) => found.record.serverId);
    let told = 0;
    other.onChange((service) => (told += service === 'films' ? 1 : 0));
    await one.put('films', 'a', record('a'), 6000);
    expect(ids(one)).toEqual(['a']);
    await until(() => ids(other).includes('a'));
    expect(told).toBe(1);

    // Renewed by either of them it lives on, by the lease that it has; and that is no change.
    const client = new Etcd3({ hosts });
    closers.push(() => client.close());
    const leases = async () => (await client.leaseClient.leaseLeases()).leases.map(({ ID }) => ID);
    const before = await leases();
    const version = one.version();
    await other.put('films', 'a', record('a'), 6000);
    await one.put('films', 'a', record('a'), 6000);
    expect([await leases(), one.version()]).toEqual([before, version]);

    // Nor does a change leave a lease behind, whoever tells of it, and however many do at once.
    await Promise.all([0.1, 0.2, 0.3].map((load) => one.put('films', 'a', record('a', { load }), 6000)));
    await until(() => other.list('films')[0]?.record.load === 0.3);
    await other.put('films', 'a', record('a', { load: 0.4 }), 6000);
    expect(await leases()).toEqual(before);
    // Who wants to be kept for longer gets another one, and the one of before goes; so does that of a server that goes.
    await one.put('films', 'long', record('long'), 6000);
    await one.put('films', 'long', record('long'), 60_000);
    expect(await leases()).toHaveLength(2);
    await one.remove('films', 'long');
    expect(await leases()).toEqual(before);

    // A lease that somebody revoked is granted anew.
    await client.leaseClient.leaseRevoke({ ID: before[0]! });
    await one.put('films', 'a', record('a'), 6000);
    await until(() => ids(other).includes('a'));

    const announced = announceByEtcd(record('b'), { etcd: { hosts }, service: 'films' });
    closers.push(() => announced.close());
    await until(() => ids(one).includes('b'));
    await other.remove('films', 'b');
    await until(() => !ids(one).includes('b'));

    // While etcd is away, what was known is told, and announcing fails.
    program.signal('SIGKILL');
    await program.ended;
    expect(ids(one)).toEqual(['a']);
    await expect(one.put('films', 'c', record('c'), 6000)).rejects.toThrow();
    await until(() => failures.length > 0, 40_000);
    await start();
    // Announced again and again, as servers do.
    const renewing = announceAgain(() => one.put('films', 'c', record('c'), 6000));
    closers.push(() => renewing.close());
    await until(() => ids(other).includes('c'), 40_000);
  });
});

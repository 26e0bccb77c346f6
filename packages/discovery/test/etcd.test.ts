import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { findProgram, freePort, startProgram, type Program } from '@kwik/testbed/programs';
import type { DiscoverySnapshot } from '@kwik/wire';
import { Etcd3 } from 'etcd3';
import { createDiscovery, makeRecord } from '../src/index.js';
import { announceByEtcd, etcd } from '../src/sources/etcd/index.js';

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
});

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import {
  AnnouncedServers,
  announceByHttp,
  createDiscovery,
  httpApi,
  makeRecord,
  RecordSigner,
  registryApi,
  signedRecords,
  signRecord,
  type RegistryApiOptions,
} from '../src/index.js';
import { proofHeaders, requestText, type KeyRequest } from '../src/signing/key-proof.js';
import { writeServer } from '../src/sources/server-list-shape.js';

const [own, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function registry(options: Partial<RegistryApiOptions> = {}) {
  const store = new AnnouncedServers();
  const server = createServer(registryApi({ store, ...options })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    store.close();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  const ask = async (method: 'PUT' | 'DELETE', headers: Record<string, string> = {}, body?: string) => {
    const reply = await fetch(`${url}v1/services/films/servers/one`, { method, headers, ...(body && { body }) });
    return `${reply.status} ${await reply.text()}`;
  };
  return { store, url, ask };
}

const record = (more = {}) => makeRecord({ serverId: 'one', addresses: ['one.test:4433'], ...more });
const signer = (key = own.privateKey, wallClockMs = Date.now) =>
  new RecordSigner({ service: 'films', key, wallClockMs });
const keyHeader = (key = own.publicKey) => ({
  'kwik-key': key.export({ type: 'spki', format: 'der' }).toString('base64url'),
});

async function announced(url: string): Promise<ReturnType<typeof announceByHttp>> {
  const announcement = announceByHttp(record(), { url, service: 'films', signer: signer() });
  closers.push(() => announcement.close());
  await announcement.announced;
  return announcement;
}

describe('a server id that is announced with a key', () => {
  test('is announced, changed and taken back by whoever holds the key', async () => {
    const { url, store } = await registry();
    const announcement = await announced(url);
    announcement.update(record({ region: 'eu' }));
    await until(() => store.get('films', 'one')?.region === 'eu');
    await announcement.close();
    expect(store.get('films', 'one')).toBeUndefined();
  });

  const evil = record({ addresses: ['evil.test:1'] });
  const times = { nowMs: Date.now(), lifeMs: 60_000 };
  const stolen = signRecord('films', record(), own.privateKey, { ...times, nowMs: times.nowMs + 20_000 });
  test.each<[string, Record<string, string>, object, RegExp]>([
    ['without a signature', {}, evil, /^403 .*whoever holds its key/],
    [
      'with another key',
      keyHeader(other.publicKey),
      signRecord('films', evil, other.privateKey, times),
      /^403 .*another key/,
    ],
    [
      'with the name of the key alone',
      keyHeader(),
      { ...evil, signature: stolen.signature },
      /^403 .*signature is wrong/,
    ],
    ['with a key that is none', { 'kwik-key': 'x' }, stolen, /^403 .*comes with its key/],
    [
      'with an older record',
      keyHeader(),
      signRecord('films', record(), own.privateKey, { ...times, nowMs: times.nowMs - 30_000 }),
      /^403 .*replay/,
    ],
  ])('is not announced %s', async (_, headers, said, answer) => {
    const { url, store, ask } = await registry();
    await announced(url);
    const before = store.get('films', 'one');
    expect(await ask('PUT', headers, writeServer(said as typeof evil))).toMatch(answer);
    expect(store.get('films', 'one')).toBe(before);
  });

  test('is not taken back without the key, by a proof for another one, or by one of long ago', async () => {
    const { url, store, ask } = await registry();
    await announced(url);
    const removal = (key = own.privateKey, ageMs = 0, id = 'one') => {
      const { issuedMs, value } = signer(key, () => Date.now() - ageMs).prove({ method: 'DELETE', serverId: id });
      return { 'kwik-proof': `${issuedMs}.${value}` };
    };
    for (const headers of [
      {},
      keyHeader(),
      { ...keyHeader(), ...removal(other.privateKey) },
      { ...keyHeader(other.publicKey), ...removal(other.privateKey) },
      { ...keyHeader(), ...removal(own.privateKey, 120_000) },
      { ...keyHeader(), ...removal(own.privateKey, 0, 'two') },
    ]) {
      expect(await ask('DELETE', headers)).toMatch(/^403 .*whoever holds its key/);
    }
    expect(store.get('films', 'one')).toBeDefined();
    expect(await ask('DELETE', { ...keyHeader(), ...removal() })).toMatch(/^204/);
    const texts = [{}, { service: 'music' }, { method: 'PUT' }, { serverId: 'two' }, { body: 'x' }].map((more) =>
      requestText({ method: 'DELETE', service: 'films', serverId: 'one', ...more } as KeyRequest, 1),
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('is not announced by who has nothing but its record and its public key, which all can read', async () => {
    const { url, store, ask } = await registry();
    const announcement = await announced(url);
    const copied = store.get('films', 'one');
    if (copied === undefined) throw new Error('it is not there');
    // It would be gone at once, and its id free.
    const brief = writeServer({ ...copied, load: 1 }, 1);
    const proof = (body: string, ageMs = 0) =>
      proofHeaders(signer(own.privateKey, () => Date.now() - ageMs).prove({ method: 'PUT', serverId: 'one', body }));
    for (const headers of [keyHeader(), proof(writeServer(copied, 30_000)), proof(brief, 61_000)]) {
      expect(await ask('PUT', headers, brief)).toMatch(/^403 .*holds the key, or the clocks differ/);
    }
    expect(store.get('films', 'one')).toBe(copied);
    await announcement.close();
    expect(await ask('PUT', keyHeader(), writeServer(copied, 30_000))).toMatch(/^403/);
    expect(store.get('films', 'one')).toBeUndefined();
    expect(await ask('PUT', proof(brief), brief)).toMatch(/^204/);
  });

  test('where only signed records are taken, others are told so', async () => {
    const { url, ask } = await registry({ signedOnly: true });
    expect(await ask('PUT', {}, writeServer(record()))).toMatch(/^403 .*only signed records/);
    const failures: unknown[] = [];
    const unsigned = announceByHttp(record(), { url, service: 'films', onFailure: (error) => failures.push(error) });
    await until(() => failures.length > 0);
    await unsigned.close();
    expect(failures[0]).toMatchObject({ message: expect.stringMatching(/answers 403: only signed records/) });
    await announced(url);
  });

  test('is found by clients that ask for its signature, and they pass over others', async () => {
    const { url, store } = await registry();
    await announced(url);
    store.put('films', 'two', makeRecord({ serverId: 'two', addresses: ['two.test:1'] }), 60_000);
    const discovery = createDiscovery({
      sources: (service) => [httpApi({ url, service })],
      verifier: (service) => signedRecords({ service, keys: [{ key: own.publicKey }] }),
    });
    closers.push(() => discovery.close());
    const { chosen } = await discovery.service('films').select({ count: 4 });
    expect(chosen.map((one) => one.record.serverId)).toEqual(['one']);
    expect(discovery.service('films').sources[0]?.problems).toEqual(['two: nobody has signed it']);
  });
});

test('a signature is made anew when what it covers changes, and when half of its time is over', () => {
  let nowMs = 1_800_000_000_000;
  const signing = signer(own.privateKey, () => nowMs);
  const first = signing.sign(record({ load: 0.1 }));
  nowMs += 29 * 60_000;
  expect(signing.sign(record({ load: 0.9 }))).toMatchObject({ load: 0.9, signature: first.signature });
  const changed = signing.sign(record({ region: 'eu' }));
  expect(changed.signature?.issuedMs).toBe(nowMs);
  nowMs += 31 * 60_000;
  const renewed = signing.sign(record({ region: 'eu' }));
  expect(renewed.signature?.issuedMs).toBe(nowMs);
  const verifier = signedRecords({ service: 'films', keys: [{ key: own.publicKey }] });
  for (const signed of [first, changed, renewed]) {
    expect(verifier.refusal(signed, 'http', signed.signature!.issuedMs)).toBeUndefined();
  }
});

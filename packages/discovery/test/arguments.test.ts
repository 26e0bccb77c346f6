import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  AnnouncedServers,
  announceBy,
  announceByHttp,
  announceByMdns,
  createDiscovery,
  dnsSd,
  HealthBook,
  httpApi,
  makeRecord,
  mdns,
  openDrainMarks,
  openEtcdStore,
  openSource,
  parseSource,
  PhiAccrual,
  pollingSource,
  RecordSigner,
  registryApi,
  ServerRegistry,
  ServiceDirectory,
  signedRecords,
  signingKeyId,
  signRecord,
  staticList,
  svcb,
  watchedFile,
  type DiscoverySource,
} from '@kwik/discovery';
import { announceByEtcd, DrainMarks, etcd, EtcdServers } from '@kwik/discovery/etcd';
import { KwikError } from '@kwik/wire';

/** As who writes JavaScript may hand it over. */
const wrong = (value: unknown): never => value as never;

const { privateKey: key } = generateKeyPairSync('ed25519');
const record = makeRecord({ addresses: ['a.test:1'] });
const spec = parseSource('etcd:127.0.0.1:1');
const hosts = { hosts: 'http://127.0.0.1:1' };
const asked: string[] = [];
const source: DiscoverySource = {
  name: 'asked',
  async *watch() {
    asked.push('asked');
    await Promise.resolve();
    yield { servers: [] };
  },
};
const directory = { clock: { now: () => 0, schedule: () => ({ cancel: () => undefined }) }, random: () => 0 };

describe('what a public call cannot take is refused by name, before anything comes of it', () => {
  test.each<[string, RegExp, () => unknown]>([
    ['createDiscovery of nothing', /options of createDiscovery/, () => createDiscovery(wrong(undefined))],
    ['createDiscovery without sources', /createDiscovery takes the option sources/, () => createDiscovery(wrong({}))],
    ['a source that is none', /sources of createDiscovery/, () => createDiscovery({ sources: [wrong({})] })],
    ['a source that is null', /sources of createDiscovery/, () => createDiscovery({ sources: [wrong(null)] })],
    ['an unknown option', /mean sources/, () => createDiscovery(wrong({ source: [source] }))],
    [
      'a policy',
      /policy\.zone of createDiscovery/,
      () => createDiscovery({ sources: [source], policy: wrong({ zone: 1 }) }),
    ],
    ['weights', /policy\.weights\.rtt/, () => createDiscovery({ sources: [source], policy: { weights: wrong({}) } })],
    ['health', /health\.windowMs/, () => createDiscovery({ sources: [source], health: { windowMs: Number.NaN } })],
    ['a clock', /option clock/, () => createDiscovery({ sources: [source], clock: wrong(Date) })],
    ['a verifier', /option verifier/, () => createDiscovery({ sources: [source], verifier: wrong({}) })],
    ['a judge', /option judge/, () => createDiscovery({ sources: [source], judge: wrong({ score: () => 1 }) })],
    ['the name of a service', /name of service/, () => createDiscovery({ sources: [source] }).service(wrong(5))],
    [
      'a function that gives none',
      /sources of createDiscovery/,
      () => createDiscovery({ sources: wrong(() => 5) }).service('x'),
    ],
    ['ServiceDirectory', /takes the option wallClockMs/, () => new ServiceDirectory('x', [source], wrong(directory))],
    ['ServerRegistry', /sources of ServerRegistry/, () => new ServerRegistry(wrong('list'))],
    ['a bound of a registry', /maxServers/, () => new ServerRegistry([], { maxServers: -1 })],
    ['HealthBook', /random of HealthBook/, () => new HealthBook({}, wrong(0.5))],
    ['PhiAccrual', /expectedMs/, () => new PhiAccrual(0)],
    ['staticList of a text', /servers of staticList/, () => staticList(wrong('a.test:1'))],
    ['staticList of numbers', /servers of staticList/, () => staticList([wrong(5)])],
    ['staticList, its name', /name of staticList/, () => staticList([], wrong(null))],
    ['parseSource', /text of parseSource/, () => parseSource(wrong(undefined))],
    ['openSource of a text', /spec of openSource/, () => openSource(wrong('etcd:a:1'), { service: 'x' })],
    ['openSource without a service', /takes the option service/, () => openSource(spec, wrong({}))],
    [
      'a password in the clear',
      /in the clear/,
      () => openSource(parseSource('etcd:a.test:1'), { service: 'x', credentials: { user: 'u', password: 'p' } }),
    ],
    ['dnsSd', /dnsSd takes the option domain/, () => dnsSd(wrong({}))],
    ['dnsSd, a resolver alone', /option servers of dnsSd/, () => dnsSd({ domain: 'x', servers: wrong('1.1.1.1') })],
    ['svcb', /defaultPort of svcb/, () => svcb({ domain: 'x', defaultPort: 65_536 })],
    ['watchedFile', /path of watchedFile/, () => watchedFile({ path: '' })],
    ['watchedFile, a text', /options of watchedFile/, () => watchedFile(wrong('servers.json'))],
    ['pollingSource', /takes the option read/, () => pollingSource(wrong({ name: 'x' }))],
    [
      'pollingSource, no time',
      /intervalMs/,
      () => pollingSource({ name: 'x', read: wrong(() => []), intervalMs: Infinity }),
    ],
    ['httpApi', /option url of httpApi/, () => httpApi({ url: wrong(new URL('http://a.test')), service: 'x' })],
    ['httpApi, for ever', /waitSeconds/, () => httpApi({ url: 'http://a.test', service: 'x', waitSeconds: Infinity })],
    [
      'announceByHttp',
      /record of announceByHttp/,
      () => announceByHttp(wrong({}), { url: 'http://a.test', service: 'x' }),
    ],
    [
      'announceByHttp, no time',
      /ttlMs/,
      () => announceByHttp(record, { url: 'http://a.test', service: 'x', ttlMs: 0 }),
    ],
    ['mdns', /port of mdns/, () => mdns({ service: 'x', port: wrong('5353') })],
    ['announceByMdns', /record of announceByMdns/, () => announceByMdns(wrong(undefined), { service: 'x' })],
    ['etcd', /option etcd of etcd/, () => etcd({ etcd: wrong({}), service: 'x' })],
    ['announceByEtcd', /leaseSeconds/, () => announceByEtcd(record, { etcd: hosts, service: 'x', leaseSeconds: 1.5 })],
    ['DrainMarks', /takes the option service/, () => new DrainMarks(wrong({ etcd: hosts }))],
    ['registryApi', /store of registryApi/, () => registryApi({ store: wrong({ put: () => undefined }) })],
    [
      'one token',
      /readTokens of registryApi cannot be that string/,
      () => registryApi({ store: new AnnouncedServers(), readTokens: wrong('secret') }),
    ],
    ['AnnouncedServers', /clock of AnnouncedServers/, () => new AnnouncedServers(wrong({}))],
    ['a record that is kept', /record of put/, () => new AnnouncedServers().put('x', 'id', wrong({}), 1)],
    ['RecordSigner', /key of RecordSigner/, () => new RecordSigner({ service: 'x', key: wrong('PEM') })],
    ['signRecord', /record of signRecord/, () => signRecord('x', wrong(null), key, { nowMs: 0, lifeMs: 1 })],
    ['signedRecords', /keys\[0\] of signedRecords/, () => signedRecords({ service: 'x', keys: [wrong('PEM')] })],
    ['signingKeyId', /key of signingKeyId/, () => signingKeyId(wrong('PEM'))],
  ])('%s', (_what, message, call) => {
    expect(call).toThrow(KwikError);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
  });

  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['announceBy', /record of announceBy/, () => announceBy(spec, wrong({}), { service: 'x' })],
    ['openDrainMarks', /spec of openDrainMarks/, () => openDrainMarks(wrong(parseSource('file:x')), { service: 'x' })],
    ['openEtcdStore', /onFailure/, () => openEtcdStore(wrong(spec), { onFailure: wrong('log') })],
    ['EtcdServers', /takes the option etcd/, () => EtcdServers.open(wrong({}))],
  ])('%s', async (_what, message, call) => {
    const refused = expect.objectContaining({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    await expect(call()).rejects.toEqual(refused);
  });

  test('a request of select, and what it is abandoned by', async () => {
    using discovery = createDiscovery({ sources: [staticList(['a.test:1'])] });
    const service = discovery.service('x');
    const invalid = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    for (const request of [
      undefined,
      5,
      {},
      { count: '2' },
      { count: -1 },
      { count: 1, regoin: 'eu' },
      { count: 1, tags: 'x' },
    ]) {
      await expect(service.select(wrong(request))).rejects.toEqual(invalid);
      expect(() => service.selectNow(wrong(request))).toThrow(invalid);
    }
    await expect(service.select({ count: 1 }, { signal: wrong(new AbortController()) })).rejects.toEqual(invalid);
    expect(() => service.search(wrong({ tags: [5] }), 1)).toThrow(invalid);
    expect(() => service.search({}, wrong('1'))).toThrow(invalid);
    expect(() => service.onChange(wrong(undefined))).toThrow(invalid);
    expect((await service.select({ count: 1 })).chosen).toHaveLength(1);
  });

  test.each([
    ['no object', 5],
    ['no addresses', {}],
    ['one address alone', { addresses: 'a.test:1' }],
    ['an address that is no text', { addresses: [5] }],
    ['an id that is no text', { addresses: ['a.test:1'], serverId: 5 }],
    ['a load that is a text', { addresses: ['a.test:1'], load: '0.5' }],
    ['a flag that is a text', { addresses: ['a.test:1'], accepting: 'no' }],
    ['one tag alone', { addresses: ['a.test:1'], tags: 'ssd' }],
    ['one capability alone', { addresses: ['a.test:1'], capabilities: 'primary' }],
    ['a pin that is no text', { addresses: ['a.test:1'], pin: 1 }],
    ['attributes that are none', { addresses: ['a.test:1'], attributes: 'x' }],
    ['an attribute that is no text', { addresses: ['a.test:1'], attributes: { a: 1 } }],
    ['a signature that is none', { addresses: ['a.test:1'], signature: 'x' }],
  ])('a record with %s', (_what, input) => {
    expect(() => makeRecord(wrong(input))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
  });

  test('what is undefined counts as left out, also of a policy', () => {
    using discovery = createDiscovery({
      sources: [staticList([{ addresses: ['a.test:1'], region: 'eu' }])],
      policy: wrong({ region: undefined, subsetSize: undefined, weights: undefined }),
      health: wrong({ consecutiveFailures: undefined }),
      clock: wrong(undefined),
    });
    expect(discovery.service('x').selectNow({ count: 1, region: wrong(undefined) }).notes).toBeDefined();
  });

  test('no source was asked by any of these', () => {
    expect(asked).toEqual([]);
  });
});

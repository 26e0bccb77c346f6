import { beforeEach, expect, test } from '@jest/globals';
import { makeRecord, selectServers, type RecordInput } from '@kwik/discovery';
import { KwikError, type SelectionRequest, type ServerDirectory, type ServerOutcome } from '@kwik/wire';
import { FoundStandbys } from './found-standbys.js';
import { Standbys, type ChosenStandby } from './standbys.js';

const POLICY = {
  region: 'eu',
  zone: 'eu-1',
  owner: 'test',
  subsetSize: 16,
  spillLoad: 0.8,
  panicShare: 0.5,
  slowStartMs: 0,
  weights: { rtt: 1, load: 1, weight: 1, trust: 1 },
};
const ALL = ['primary', 'replica', 'takeover'];

/** What discovery knows, as the test has it: the choice among it is the real one. */
class KnownServers {
  readonly service = 'films';
  readonly observed: [string, ServerOutcome['kind']][] = [];
  failure: Error | undefined;
  readonly #records = new Map<string, ReturnType<typeof makeRecord>>();
  #listener = (): void => undefined;

  set(serverId: string, given: Partial<RecordInput> | undefined): void {
    const addresses = [`${serverId}:1`];
    if (given === undefined) this.#records.delete(serverId);
    else this.#records.set(serverId, makeRecord({ serverId, addresses, capabilities: ALL, ...given }));
    this.#listener();
  }

  selectNow(request: SelectionRequest) {
    const candidates = [...this.#records].map(([key, record]) => ({
      key,
      record,
      knownSinceMs: 0,
      rttMs: undefined,
      ejected: undefined,
      trust: 1,
      refused: undefined,
    }));
    return selectServers(candidates, request, POLICY, () => 0, 0);
  }

  select(request: SelectionRequest) {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve(this.selectNow(request));
  }

  find(address: string) {
    return [...this.#records.values()].find(({ addresses }) => addresses.includes(address));
  }

  search = (): never[] => [];
  usable = (): boolean => true;
  heartbeat = (): void => undefined;

  onChange(listener: () => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  observe(address: string, { kind }: ServerOutcome): void {
    this.observed.push([address, kind]);
  }
}

let known: KnownServers;
let silent: Set<string>;
let told: ChosenStandby[];
let nowMs: number;
beforeEach(() => {
  known = new KnownServers();
  silent = new Set();
  told = [];
  nowMs = 0;
});

function standbys(addresses: readonly string[] = [], hasFiles = true): Standbys {
  const directory = known satisfies ServerDirectory;
  const found = new FoundStandbys({ directory, hasFiles, zone: 'eu-1', own: () => ['self', 'self:2'] });
  const knock = (address: string): Promise<number | undefined> => Promise.resolve(silent.has(address) ? undefined : 1);
  const all = new Standbys({
    ...{ addresses, found, knock, now: () => nowMs },
    check: () => Promise.resolve({ takes: 'yes', reason: '' }),
    onChosen: (chosen) => told.push(chosen),
    onUnable: () => undefined,
  });
  directory.onChange(() => all.changed());
  return all;
}

/** What was begun beside is done. */
async function later(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

const names = (): (string | undefined)[] => told.map(({ server }) => server?.address);

test('it has the key and the files, takes new clients, and is another server than this one', async () => {
  known.set('self', {});
  known.set('alias', { serverId: '', addresses: ['self:2'] });
  known.set('keyless', { capabilities: ['primary', 'replica'] });
  known.set('empty', { capabilities: ['primary', 'takeover'] });
  known.set('drained', { accepting: false });
  known.set('good', { serverName: 'good.example' });
  expect(await standbys().choose()).toEqual({ address: 'good:1', serverName: 'good.example' });
  expect(told).toMatchObject([{ answers: true, reason: expect.stringMatching(/^found: /u) }]);
  known.set('good', undefined);
  expect(await standbys([], false).choose()).toEqual({ address: 'empty:1' });
});

test('where none suits there is none, and the reason says what each lacks, but of this server nothing', async () => {
  known.set('self', {});
  known.set('keyless', { capabilities: ['primary', 'replica'] });
  known.set('drained', { accepting: false });
  expect(await standbys().choose()).toBeUndefined();
  const reason =
    "'films' has no other server that takes sessions over (keyless: has not the capability takeover; drained: drains: it takes nobody new)";
  expect(told).toEqual([{ server: undefined, answers: false, reason }]);
});

test('that of another zone is preferred, of the same priority', async () => {
  known.set('here', { region: 'eu', zone: 'eu-1' });
  known.set('there', { region: 'eu', zone: 'eu-2' });
  known.set('last', { region: 'eu', zone: 'eu-3', priority: 1 });
  expect(await standbys().choose()).toEqual({ address: 'there:1' });
  known.set('there', undefined);
  expect(await standbys().choose()).toEqual({ address: 'here:1' });
});

test('it stays as long as it suits, and another one is found at once when it drains, goes, or loses the key', async () => {
  const all = standbys();
  await all.choose();
  known.set('a', {});
  await later();
  known.set('b', { weight: 100 });
  known.set('a', { load: 0.9 });
  await later();
  known.set('a', { accepting: false });
  await later();
  known.set('a', {});
  await later();
  known.set('b', undefined);
  await later();
  known.set('b', {});
  known.set('a', { capabilities: ['primary', 'replica'] });
  await later();
  expect(names()).toEqual([undefined, 'a:1', 'b:1', 'a:1', 'b:1']);
  expect(await all.choose()).toEqual({ address: 'b:1' });
});

test('a look that is due finds the same one again while it suits and answers, however much better others are', async () => {
  known.set('a', {});
  const all = standbys();
  expect(await all.choose()).toEqual({ address: 'a:1' });
  known.set('a', { load: 0.9, region: 'eu', zone: 'eu-1', priority: 9 });
  known.set('b', { weight: 100, region: 'eu', zone: 'eu-2' });
  for (let look = 1; look <= 5; look++) {
    nowMs = look * 10_000;
    await all.choose();
    await later();
  }
  expect(names()).toEqual(['a:1']);
  expect(known.observed.filter(([address, kind]) => address === 'a:1' && kind === 'success').length).toBe(6);
  known.set('a', undefined);
  await later();
  expect(names()).toEqual(['a:1', 'b:1']);
});

test('what changes while it is looked for is looked at afterwards', async () => {
  known.set('a', {});
  const all = standbys();
  const first = all.choose();
  await Promise.resolve();
  known.set('a', { accepting: false });
  known.set('b', {});
  await first;
  await later();
  expect(names()).toEqual(['a:1', 'b:1']);
});

test('one that does not answer is passed over with the next look, and its health is told', async () => {
  known.set('a', {});
  const all = standbys();
  await all.choose();
  known.set('b', {});
  silent.add('a:1');
  nowMs = 10_000;
  await all.choose();
  await later();
  expect(names()).toEqual(['a:1', 'b:1']);
  expect(known.observed).toEqual([
    ['a:1', 'success'],
    ['a:1', 'failure'],
    ['b:1', 'success'],
  ]);
});

test('those that are named come before those that are found, which are there when no other answers', async () => {
  known.set('a', {});
  silent.add('named:1');
  const all = standbys(['named:1']);
  expect(await all.choose()).toEqual({ address: 'a:1' });
  silent.clear();
  nowMs = 10_000;
  await all.choose();
  await later();
  expect(names()).toEqual(['a:1', 'named:1']);
});

test('a search that fails is no standby, with the reason, until one succeeds', async () => {
  known.failure = new KwikError('ERR_KWIK_INVALID_STATE', 'closed');
  const all = standbys();
  expect(await all.choose()).toBeUndefined();
  expect(told).toEqual([{ server: undefined, answers: false, reason: 'closed' }]);
  known.failure = undefined;
  known.set('a', {});
  await later();
  expect(await all.choose()).toEqual({ address: 'a:1' });
});

test('a search that fails takes the standby from nobody, as long as that is known to suit', async () => {
  known.set('a', {});
  const all = standbys();
  expect(await all.choose()).toEqual({ address: 'a:1' });
  known.failure = new KwikError('ERR_KWIK_INVALID_STATE', 'closed');
  nowMs = 10_000;
  await all.choose();
  await later();
  expect(await all.choose()).toEqual({ address: 'a:1' });
  known.set('a', { accepting: false });
  await later();
  expect(await all.choose()).toBeUndefined();
});

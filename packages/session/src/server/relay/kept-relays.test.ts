import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, toPathId } from '@kwik/wire';
import type { CloseInfo, PathInfo } from '../../api/session.js';
import { FIRST_RELAYED_PATH_ID } from '../../limits.js';
import { keepRelays, type RelayedSession } from './kept-relays.js';
import { RELAY_STOPS } from './relay-notices.js';

type Changed = Pick<PathInfo, 'state'> & { readonly reason?: string };

/** A session whose client joins what it is told to, unless the relay is down. */
class FakeSession implements RelayedSession {
  readonly paths = new Map<number, PathInfo>();
  readonly asked: string[] = [];
  readonly down = new Set<string>();
  /** Those that refuse, and when they want to be asked again, ms. */
  readonly busy = new Map<string, number>();
  /** Relays that take clients and forward nothing. */
  readonly silent = new Set<string>();
  readonly removed: string[] = [];
  end: (info: CloseInfo) => void = () => undefined;
  readonly closed = new Promise<CloseInfo>((resolve) => (this.end = resolve));
  #listener: (path: PathInfo) => void = () => undefined;
  #next = 1;

  constructor(private readonly rttMs: Readonly<Record<string, number>>) {}

  addPath(address: string): Promise<PathInfo> {
    this.asked.push(address);
    if (this.down.has(address)) return Promise.reject(new KwikError('ERR_KWIK_CONNECT_FAILED'));
    const retryAfterMs = this.busy.get(address);
    if (retryAfterMs !== undefined) {
      return Promise.reject(new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'busy', { retryAfterMs }));
    }
    const id = this.#next++;
    this.#set(id, address, { state: 'active' });
    if (!this.silent.has(address)) this.#set(FIRST_RELAYED_PATH_ID + id, address, { state: 'active' });
    return Promise.resolve(this.paths.get(id)!);
  }

  removePath(id: number): Promise<void> {
    this.removed.push(this.paths.get(id)!.address);
    this.lose(this.paths.get(id)!.address);
    return Promise.resolve();
  }

  suspendPath(id: number, reason = ''): void {
    this.#set(id, this.paths.get(id)!.address, { state: 'suspended', reason });
  }

  resumePath(id: number): void {
    this.#set(id, this.paths.get(id)!.address, { state: 'active' });
  }

  getAllPaths(): PathInfo[] {
    return [...this.paths.values()];
  }

  onPathChange(listener: (path: PathInfo) => void): () => void {
    this.#listener = listener;
    return () => (this.#listener = () => undefined);
  }

  /** The relay is gone, and with it the path through it. */
  lose(address: string): void {
    for (const [id, path] of this.paths) {
      if (path.address === address && path.state !== 'dead') this.#set(id, address, { state: 'dead' });
    }
  }

  /** The relay is there, and forwards no longer. */
  block(address: string): void {
    this.silent.add(address);
    for (const [id, path] of this.paths) {
      if (path.address === address && isThrough(id, path)) this.#set(id, address, { state: 'dead' });
    }
  }

  /** The client says that the relay is about to stop. */
  drain(address: string): void {
    const [id] = [...this.paths].find(([number, path]) => path.address === address && isThrough(number, path))!;
    this.suspendPath(id, RELAY_STOPS);
  }

  /** Relays by the state of the path through each, in the order in which they were named. */
  through(...states: PathInfo['state'][]): string[] {
    const found = [...this.paths].filter(([id, path]) => isThrough(id, path) && states.includes(path.state));
    return found.map(([, { address }]) => address).sort();
  }

  #set(id: number, address: string, changed: Changed): void {
    const rttMs = this.rttMs[address] ?? 10;
    const path = { id: toPathId(id), address, rttMs, ...changed } as PathInfo;
    this.paths.set(id, path);
    this.#listener(path);
  }
}

function isThrough(id: number, { state }: PathInfo): boolean {
  return id >= FIRST_RELAYED_PATH_ID && state !== 'dead';
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function scene(
  rttMs: Readonly<Record<string, number>>,
  prepare: (session: FakeSession) => void = () => undefined,
) {
  const clock = new VirtualClock();
  const session = new FakeSession(rttMs);
  prepare(session);
  const relays = Object.keys(rttMs).map((address) => ({ address }));
  keepRelays(session, relays, { clock, random: () => 1 });
  await turn();
  return { clock, session };
}

const SIX = { 'a:1': 50, 'b:1': 20, 'c:1': 40, 'd:1': 10, 'e:1': 30, 'f:1': 1 };

test('the two with the least round trip carry, the next one stands by, and no more are kept', async () => {
  const { session } = await scene(SIX);
  expect(session.asked).toEqual(['a:1', 'b:1', 'c:1', 'd:1', 'e:1']);
  expect([session.through('active'), session.through('suspended')]).toEqual([['b:1', 'd:1'], ['e:1']]);
});

test('one that dies is replaced at once by the one that stands by, and that by the best that is known', async () => {
  const { session } = await scene(SIX);
  session.lose('d:1');
  expect(session.through('active')).toContain('e:1');
  await turn();
  expect(session.through('active')).toEqual(['b:1', 'e:1']);
  expect([session.asked.at(-1), session.through('suspended')]).toEqual(['c:1', ['c:1']]);
});

test('one that is about to stop is replaced before it is gone, and nobody resumes it', async () => {
  const { session } = await scene(SIX);
  session.drain('d:1');
  expect(session.through('active')).toContain('e:1');
  await turn();
  expect(session.through('active')).toEqual(['b:1', 'e:1']);
  expect(session.through('suspended')).toEqual(['c:1', 'd:1']);
  session.lose('d:1');
  await turn();
  expect([session.through('active'), session.through('suspended')]).toEqual([['b:1', 'e:1'], ['c:1']]);
});

test('relays that are down are asked more and more seldom, and used when they are back', async () => {
  const { clock, session } = await scene({ 'a:1': 10, 'b:1': 10, 'c:1': 10 }, ({ down }) => {
    for (const address of ['a:1', 'b:1', 'c:1']) down.add(address);
  });
  for (let seconds = 0; seconds < 600; seconds++) {
    clock.advanceBy(1000);
    await turn();
  }
  // Each: after 0.5, 1, 2, ... 16 s, and then every 30 s.
  expect(session.asked.length).toBeLessThan(3 * 30);
  expect(session.asked.length).toBeGreaterThan(3 * 15);
  session.down.clear();
  for (let seconds = 0; seconds < 40; seconds++) {
    clock.advanceBy(1000);
    await turn();
  }
  expect([session.through('active').length, session.through('suspended').length]).toEqual([2, 1]);
});

test('a relay that takes the client and forwards nothing gives its place to another', async () => {
  const { clock, session } = await scene(SIX, ({ silent }) => {
    for (const address of ['a:1', 'b:1', 'c:1']) silent.add(address);
  });
  expect(session.through('active')).toEqual(['d:1', 'e:1']);
  clock.advanceBy(5000);
  await turn();
  expect(session.asked).toContain('f:1');
  expect(session.through('active')).toEqual(['d:1', 'f:1']);
  expect(session.through('suspended')).toEqual(['e:1']);
});

test('one through which nothing comes any more, while the client still reaches it, gives its place to another', async () => {
  const { clock, session } = await scene({ 'a:1': 10, 'b:1': 20, 'c:1': 30, 'd:1': 40 });
  for (const address of ['a:1', 'b:1', 'c:1']) session.block(address);
  clock.advanceBy(5000);
  await turn();
  expect([session.through('active'), session.removed]).toEqual([['d:1'], ['d:1', 'a:1', 'b:1', 'c:1']]);
  session.silent.clear();
  clock.advanceBy(500);
  await turn();
  expect(session.through('active', 'suspended')).toHaveLength(3);
});

test('one that says when to come back is left alone until then', async () => {
  const { clock, session } = await scene({ 'a:1': 10 }, (fake) => fake.busy.set('a:1', 20_000));
  session.busy.clear();
  clock.advanceBy(19_000);
  await turn();
  expect(session.asked).toEqual(['a:1']);
  clock.advanceBy(1000);
  await turn();
  expect([session.asked, session.through('active')]).toEqual([['a:1', 'a:1'], ['a:1']]);
});

test('relays that are lost as soon as they carry are asked more and more seldom', async () => {
  const { clock, session } = await scene({ 'a:1': 10, 'b:1': 10 });
  for (let tenths = 0; tenths < 6000; tenths++) {
    for (const address of session.through('active')) session.lose(address);
    clock.advanceBy(100);
    await turn();
  }
  expect(session.asked.length).toBeLessThan(2 * 30);
});

test('one that carries is not left for one that is a little faster', async () => {
  const rttMs: Record<string, number> = { 'a:1': 20, 'b:1': 20, 'c:1': 21 };
  const { session } = await scene(rttMs);
  expect(session.through('suspended')).toEqual(['c:1']);
  rttMs['c:1'] = 17;
  session.suspendPath(FIRST_RELAYED_PATH_ID + 3, 'its round trip was measured');
  expect(session.through('suspended')).toEqual(['c:1']);
  rttMs['c:1'] = 5;
  session.suspendPath(FIRST_RELAYED_PATH_ID + 3, 'its round trip was measured');
  expect(session.through('active')).toContain('c:1');
});

test('with the session it ends: nothing is asked for any more, and no timer is left', async () => {
  const { clock, session } = await scene(SIX, ({ down }) => down.add('a:1'));
  session.end({ by: 'local', code: 0, reason: '' });
  await turn();
  const before = session.asked.length;
  session.lose('d:1');
  clock.advanceBy(600_000);
  await turn();
  expect([session.asked.length, clock.pendingTimers]).toEqual([before, 0]);
});

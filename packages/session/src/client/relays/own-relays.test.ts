import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, PRIMARY_PATH_ID, type PathId, type PathTransport, type proto } from '@kwik/wire';
import { PolicyEngine } from '../../core/policy/policy-engine.js';
import { OwnRelays } from './own-relays.js';
import type { OwnRelay, RelaySessions } from './relay-sessions.js';
import type { RelayLink } from './relay-link.js';

/** How long a relay takes to answer, ms; Infinity: it never does. Its round trip is the same. */
type Answers = Readonly<Record<string, number>>;

class FakeRelays implements Pick<RelaySessions, 'choices' | 'close' | 'get'> {
  readonly choices: readonly { readonly address: string }[];
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  readonly down = new Set<string>();
  /** Those that refuse, and when they want to be asked again, ms. */
  readonly busy = new Map<string, number>();
  readonly lose = new Map<string, () => void>();
  readonly drain = new Map<string, () => void>();
  readonly #answers: Answers;
  readonly #clock: VirtualClock;

  constructor(answers: Answers, clock: VirtualClock) {
    this.choices = Object.keys(answers).map((address) => ({ address }));
    this.#answers = answers;
    this.#clock = clock;
  }

  close(): void {
    // Nothing is open here.
  }

  get({ address }: { readonly address: string }): Promise<OwnRelay> {
    this.asked.push(address);
    const rttMs = this.#answers[address]!;
    if (rttMs === Infinity) return new Promise(() => undefined);
    if (this.down.has(address)) return Promise.reject(new KwikError('ERR_KWIK_CONNECT_FAILED'));
    const retryAfterMs = this.busy.get(address);
    if (retryAfterMs !== undefined) {
      return Promise.reject(new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'busy', { retryAfterMs }));
    }
    return new Promise((resolve) => void this.#clock.schedule(rttMs, () => resolve(this.#relay(address, rttMs))));
  }

  #relay(address: string, rttMs: number): OwnRelay {
    let over: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (over = resolve));
    this.lose.set(address, over);
    const transport = { stats: () => ({ rttMs }) } as unknown as PathTransport;
    const end = (): void => {
      this.ended.push(address);
      over();
    };
    const link = { address, transport, alive: true, end } as unknown as RelayLink;
    const relay: OwnRelay = { link, closed, onNotice: () => undefined };
    this.drain.set(address, () => relay.onNotice({} as proto.RelayNotice));
    return relay;
  }
}

async function scene(answers: Answers, forwards: (address: string) => boolean = () => true) {
  const clock = new VirtualClock();
  const carrying = new Map<PathId, string>();
  const relayed = {
    add: (id: PathId, { address }: RelayLink) => {
      carrying.set(id, address);
      if (forwards(address)) own.onPathUp({ id });
    },
    lost: (id: PathId) => void carrying.delete(id),
    noticed: () => undefined,
  };
  const refused: string[] = [];
  const alive: { id: PathId; primary: boolean; via?: string }[] = [{ id: PRIMARY_PATH_ID, primary: true }];
  const sessions = new FakeRelays(answers, clock);
  const nothing = (): void => undefined;
  const engine = new PolicyEngine({ name: 'this process', random: () => 0.5, publish: nothing, onDue: nothing });
  const own = new OwnRelays(
    {
      clock,
      closeInfo: undefined,
      policy: engine.session('s'),
      paths: { values: () => alive, info: () => ({ reason: 'it does not forward there' }) },
    },
    {
      sessions,
      relayed: relayed as never,
      anchor: 'primary:1',
      onRefused: ({ address, error }) => void refused.push(`${address}: ${error.message}`),
      random: () => 0.5,
    },
  );
  own.start();
  const pass = (ms: number): Promise<void> => clock.advanceByAsync(ms);
  const idOf = (address: string): PathId => [...carrying].find(([, carried]) => carried === address)![0];
  const { shortage } = engine;
  return { clock, pass, own, sessions, alive, shortage, refused, idOf, carrying: () => [...carrying.values()].sort() };
}

const FIVE: Answers = { a: 90, b: 40, c: 20, d: 60, e: 100, f: 1 };

test('of those that answer the two nearest carry, the next one stands by, and the others are left', async () => {
  const { pass, sessions, carrying } = await scene(FIVE);
  await pass(1000);
  expect(sessions.asked).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect([carrying(), sessions.ended.sort()]).toEqual([
    ['b', 'c'],
    ['a', 'e'],
  ]);
});

test('the nearest are not waited for when they do not answer: a quarter of a second after the first, the choice is made', async () => {
  const { pass, carrying } = await scene({ a: Infinity, b: 90, c: Infinity, d: 50, e: 2000 });
  await pass(299);
  expect(carrying()).toEqual([]);
  await pass(2);
  expect(carrying()).toEqual(['b', 'd']);
});

test('one that is lost is replaced at once, and the nearest that is known is connected to stand by', async () => {
  const { pass, sessions, carrying } = await scene(FIVE);
  await pass(1000);
  sessions.lose.get('c')!();
  await pass(0);
  expect(carrying()).toEqual(['b', 'd']);
  expect(sessions.asked.slice(5)).toEqual(['a']);
});

test('while the process is short of something, none is brought in to stand by, and one is again afterwards', async () => {
  const { pass, sessions, carrying, shortage } = await scene(FIVE);
  await pass(1000);
  shortage.set({ text: 'this process is short of memory', probing: false });
  sessions.lose.get('c')!();
  await pass(100);
  expect([carrying(), sessions.asked.slice(5)]).toEqual([['b', 'd'], []]);
  shortage.set();
  await pass(0);
  expect(sessions.asked.slice(5)).toEqual(['a']);
});

test('one that is about to stop is replaced before it is gone', async () => {
  const { pass, sessions, carrying } = await scene(FIVE);
  await pass(1000);
  sessions.drain.get('b')!();
  expect(carrying()).toEqual(['b', 'c', 'd']);
});

test('one that answers, and forwards nothing, gives its place to another, and it is said why', async () => {
  const { pass, refused, sessions, carrying } = await scene(FIVE, (address) => address !== 'c' && address !== 'b');
  await pass(1000);
  expect(carrying()).toEqual(['b', 'c']);
  await pass(5000);
  expect(carrying()).toEqual(['a', 'd']);
  const why = 'nothing comes through it: it does not forward there';
  expect(refused.sort()).toEqual([`b: ${why}`, `c: ${why}`]);
  const before = sessions.asked.length;
  await pass(60_000);
  // Those that forward are there; one of the others stands by.
  expect([carrying(), sessions.asked.length - before]).toEqual([['a', 'd'], 0]);
});

test('one whose path is lost, and does not come back, gives its place to another', async () => {
  const { pass, own, idOf, carrying } = await scene(FIVE);
  await pass(1000);
  const id = idOf('c');
  own.onPathDead({ id });
  await pass(4000);
  expect(carrying()).toEqual(['b', 'c']);
  own.onPathUp({ id });
  await pass(6000);
  expect(carrying()).toEqual(['b', 'c']);
  own.onPathDead({ id });
  await pass(5000);
  expect(carrying()).toEqual(['b', 'd']);
});

test('the one by which the session was opened stays: when others are nearer, when no second path comes through it, when it stops', async () => {
  const opened = await scene(FIVE);
  opened.alive[0]!.via = 'e';
  await opened.pass(1000);
  expect(opened.sessions.ended).toEqual(['a']);
  opened.sessions.drain.get('e')!();
  await opened.pass(1000);
  expect(opened.sessions.ended).not.toContain('e');

  const alone = await scene({ a: 10 }, () => false);
  alone.alive[0]!.via = 'a';
  await alone.pass(60_000);
  expect([alone.sessions.ended, alone.refused]).toEqual([[], []]);
  alone.alive.length = 0;
  await alone.pass(6000);
  expect(alone.sessions.ended).toContain('a');
});

test('relays that forward nothing are asked more and more seldom', async () => {
  const { pass, sessions } = await scene({ a: 10, b: 20 }, () => false);
  await pass(600_000);
  expect(sessions.asked.length).toBeLessThan(2 * 40);
  expect(sessions.asked.length).toBeGreaterThan(2 * 15);
});

test('when no path leads to the primary any more, those that were down for long are tried at once', async () => {
  const { alive, pass, own, idOf, sessions, carrying } = await scene({ a: 10, b: 20 });
  await pass(1000);
  sessions.down.add('b');
  sessions.lose.get('b')!();
  await pass(600_000);
  sessions.down.delete('b');
  const before = sessions.asked.length;
  // The other one, and the direct way.
  alive.pop();
  own.onPathDead({ id: idOf('a') });
  await pass(1000);
  expect([sessions.asked.slice(before), carrying()]).toEqual([['b'], ['a', 'b']]);
});

test('one that says when to come back is left alone until then', async () => {
  const { pass, sessions, carrying } = await scene({ a: 10, b: 20 });
  await pass(1000);
  sessions.busy.set('b', 20_000);
  sessions.lose.get('b')!();
  await pass(1000);
  const before = sessions.asked.length;
  sessions.busy.clear();
  await pass(18_000);
  expect([sessions.asked.length - before, carrying()]).toEqual([0, ['a']]);
  await pass(2500);
  expect([sessions.asked.slice(before), carrying()]).toEqual([['b'], ['a', 'b']]);
});

test('with the session all timers end', async () => {
  const { clock, pass, own } = await scene({ a: 10, b: Infinity });
  await pass(20);
  own.onEnd();
  expect(clock.pendingTimers).toBe(0);
});

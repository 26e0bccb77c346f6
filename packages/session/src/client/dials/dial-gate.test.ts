import { describe, expect, test } from '@jest/globals';
import { DialPolicy } from '@kwik/paths';
import { KwikError, CounterRegistry } from '@kwik/wire';
import { VirtualClock } from '@kwik/testbed';
import { DialGate } from './dial-gate.js';
import { SessionDials } from './session-dials.js';

const half = (): number => 0.5;
const ATTEMPT_MS = 400;
const ANSWER_MS = 20;

/** A process with many sessions that each want one path to their server, and try again until they have it. */
class Process {
  readonly clock = new VirtualClock();
  readonly gate = new DialGate(this.clock, new DialPolicy(half));
  readonly diagnostics = { counters: new CounterRegistry() };
  readonly alive = new Set<string>();
  /** When each dial went out. */
  readonly dials: { readonly atMs: number; readonly address: string }[] = [];
  /** When each session had its path. */
  readonly reached: number[] = [];

  /** What keeps the process alive. */
  holds = 0;

  session(): SessionDials {
    const hold = (): (() => void) => {
      this.holds += 1;
      return () => void (this.holds -= 1);
    };
    return new SessionDials({ gate: this.gate, diagnostics: this.diagnostics, clock: this.clock, hold });
  }

  /** One attempt: the server answers soon, or never. */
  async attempt(address: string): Promise<void> {
    this.dials.push({ atMs: this.clock.now(), address });
    const answers = this.alive.has(address);
    await this.wait(answers ? ANSWER_MS : ATTEMPT_MS);
    if (!answers) throw new KwikError('ERR_KWIK_TIMEOUT', 'no answer');
  }

  /** A session that has lost its path, and wants it again. */
  async recover(address: string, waitMs = 50): Promise<void> {
    const dials = this.session();
    for (let tries = 0; ; tries++) {
      try {
        await dials.run({ address }, () => this.attempt(address));
        dials.settled(address);
        this.reached.push(this.clock.now());
        return;
      } catch {
        await this.wait(Math.min(1000, waitMs * 2 ** tries));
      }
    }
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.schedule(ms, resolve));
  }

  dialsBetween(fromMs: number, toMs: number): number {
    return this.dials.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).length;
  }
}

describe('all sessions of a process', () => {
  test('1,000 with one dead server dial it once a second, and are there right after it is back', async () => {
    const world = new Process();
    const sessions = Array.from({ length: 1000 }, () => world.recover('a:1'));
    await world.clock.advanceByAsync(30_000);
    // The first attempt of each goes out before anybody knows.
    expect(world.dialsBetween(0, 1)).toBe(1000);
    const later = world.dialsBetween(1, 30_000);
    expect(later).toBeGreaterThan(15);
    expect(later).toBeLessThan(60);
    expect(world.gate.waiting).toBeGreaterThan(990);
    world.alive.add('a:1');
    await world.clock.advanceByAsync(3000);
    await Promise.all(sessions);
    expect(world.reached).toHaveLength(1000);
    // The one that tries finds it within a trial's time; the others need a few answers' time more.
    expect(world.reached[0]! - 30_000).toBeLessThanOrEqual(1500);
    expect(world.reached.at(-1)! - world.reached[0]!).toBeLessThan(20 * ANSWER_MS);
    expect([world.gate.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });

  test('with a server each, when the network is gone: one dial at a time, and all are there right after it is back', async () => {
    const world = new Process();
    const servers = Array.from({ length: 50 }, (_, index) => `${index}:1`);
    const sessions = servers.map((address) => world.recover(address));
    await world.clock.advanceByAsync(9000);
    expect(world.dialsBetween(0, 1)).toBe(50);
    expect(world.dialsBetween(1000, 9000)).toBeLessThan(20);
    for (const server of servers) world.alive.add(server);
    await world.clock.advanceByAsync(2500);
    await Promise.all(sessions);
    expect(world.reached.at(-1)! - world.reached[0]!).toBeLessThan(10 * ANSWER_MS);
    // No server was blamed for it.
    expect(Object.fromEntries(world.diagnostics.counters.departed.counts.families.get('breakerChanges')!)).toEqual({
      'network-lost': 1,
      'network-back': 1,
    });
  });

  test('retry no more than the budget allows, over any time, and none of them is dropped', async () => {
    const world = new Process();
    // Every other dial of each of very many servers fails: no breaker opens, for servers answer.
    const flaky = new Set<string>();
    const attempt = async (address: string): Promise<void> => {
      world.dials.push({ atMs: world.clock.now(), address });
      await world.wait(5);
      if (flaky.has(address)) return;
      flaky.add(address);
      throw new KwikError('ERR_KWIK_CONNECT_FAILED', 'nobody listens');
    };
    const one = async (address: string): Promise<void> => {
      const dials = world.session();
      for (let tries = 0; tries < 2; tries++) {
        await dials.run({ address }, () => attempt(address)).catch(() => undefined);
      }
    };
    world.alive.add('alive:1');
    const sessions = Array.from({ length: 600 }, async (_, index) => {
      await world.wait(index);
      // Somebody answers all the time, so that it is not the network.
      if (index % 2 === 0) await world.session().run({ address: 'alive:1' }, () => world.attempt('alive:1'));
      await one(`${index}:1`);
    });
    await world.clock.advanceByAsync(120_000);
    await Promise.all(sessions);
    const seen = new Set<string>();
    const retries = world.dials.filter(({ address }) => {
      if (address === 'alive:1') return false;
      const again = seen.has(address);
      seen.add(address);
      return again;
    });
    expect(retries).toHaveLength(600);
    for (const [from, { atMs }] of retries.entries()) {
      const within = retries.slice(from).filter((retry) => retry.atMs < atMs + 1000).length;
      // What was saved, a tenth of the first attempts (of which there were 900 in all), ten a second, and the two that
      // waited for another reason at the beginning, when nobody had answered yet.
      expect(within).toBeLessThanOrEqual(100 + 90 + 10 + 2);
    }
    expect(retries.filter(({ atMs }) => atMs > 5000 && atMs < 15_000).length).toBeGreaterThan(90);
  });
});

/** The server answers, and a session that dials it now does not wait. */
async function goesAtOnce(world: Process): Promise<void> {
  world.alive.add('a:1');
  const run = world.session().run({ address: 'a:1' }, () => world.attempt('a:1'));
  expect(world.gate.waiting).toBe(0);
  await world.clock.advanceByAsync(ANSWER_MS);
  await run;
}

describe('a dial that has to wait', () => {
  /** Opens the breaker of `a:1`. */
  async function deadServer(): Promise<Process> {
    const world = new Process();
    const dials = Array.from({ length: 5 }, () => world.session().run({ address: 'a:1' }, () => world.attempt('a:1')));
    const failed = Promise.allSettled(dials);
    await world.clock.advanceByAsync(ATTEMPT_MS);
    await failed;
    return world;
  }

  test('says why, and that it goes on', async () => {
    const world = await deadServer();
    world.alive.add('a:1');
    const told: (string | undefined)[] = [];
    const onWait = (why: string | undefined): void => void told.push(why);
    const run = world.session().run({ address: 'a:1', onWait }, () => world.attempt('a:1'));
    expect(told).toEqual([expect.stringMatching(/another dial finds out whether the server/)]);
    // Nothing else would: it has no socket yet.
    expect(world.holds).toBe(1);
    await world.clock.advanceByAsync(1000);
    await run;
    expect(told).toHaveLength(2);
    expect(told[1]).toBeUndefined();
    expect(world.holds).toBe(0);
  });

  test('ends with its session, with its signal, and when its time is over', async () => {
    const world = await deadServer();
    const session = world.session();
    const abort = new AbortController();
    const never = (): Promise<void> => Promise.reject(new Error('it was dialled'));
    const results = Promise.allSettled([
      session.run({ address: 'a:1' }, never),
      world.session().run({ address: 'a:1', signal: abort.signal }, never),
      world.session().run({ address: 'a:1', untilMs: world.clock.now() + 100 }, never),
    ]);
    expect(world.holds).toBe(3);
    session.close();
    abort.abort();
    await world.clock.advanceByAsync(100);
    expect(await results).toMatchObject([
      { reason: { code: 'ERR_KWIK_ABORTED' } },
      { reason: { code: 'ERR_KWIK_ABORTED' } },
      { reason: { code: 'ERR_KWIK_TIMEOUT', message: expect.stringMatching(/^a:1 was not dialled in time: /) } },
    ]);
    expect([world.gate.waiting, world.clock.pendingTimers, world.holds]).toEqual([0, 0, 0]);
  });

  test('is not made to wait by sessions that give the server no time to answer', async () => {
    const world = new Process();
    for (let dial = 0; dial < 20; dial++) {
      const late = async (): Promise<void> => {
        await world.wait(ATTEMPT_MS - 1);
        throw new KwikError('ERR_KWIK_TIMEOUT', 'no answer');
      };
      const run = world
        .session()
        .run({ address: 'a:1' }, late)
        .catch(() => undefined);
      await world.clock.advanceByAsync(ATTEMPT_MS);
      await run;
    }
    await goesAtOnce(world);
  });

  test('goes elsewhere soon where it can, but waits for its share of the retries', async () => {
    const world = await deadServer();
    const taken = world.session().run({ address: 'a:1' }, () => world.wait(5000));
    await world.clock.advanceByAsync(500);
    const never = (): Promise<void> => Promise.reject(new Error('it was dialled'));
    const told: (string | undefined)[] = [];
    const onWait = (why: string | undefined): void => void told.push(why);
    const outcome = Promise.allSettled([world.session().run({ address: 'a:1', elsewhere: true, onWait }, never)]);
    await world.clock.advanceByAsync(250);
    expect(await outcome).toMatchObject([{ reason: { code: 'ERR_KWIK_TIMEOUT' } }]);
    expect(told).toEqual([expect.stringMatching(/another dial finds out/), undefined]);
    expect(world.gate.waiting).toBe(0);

    const few = new DialGate(world.clock, new DialPolicy(half, { budget: { perFirst: 0.1, perSecond: 1, most: 1 } }));
    const wanted = { address: 'b:1', again: true };
    few.end(await few.enter(wanted), 'reached');
    const startMs = world.clock.now();
    const later = few.enter(wanted, { elsewhereAfterMs: 250 }).then((begun) => few.end(begun, 'reached'));
    await world.clock.advanceByAsync(5000);
    await later;
    expect(world.clock.now() - startMs).toBe(5000);
    await taken;
  });

  test('is refused when very many wait already; one that need not wait goes', async () => {
    const world = await deadServer();
    const never = (): Promise<void> => Promise.reject(new Error('it was dialled'));
    const wanted = { address: 'a:1', again: false };
    const untilMs = world.clock.now() + 2 * ANSWER_MS;
    const waiting = Promise.allSettled(Array.from({ length: 65_536 }, () => world.gate.enter(wanted, { untilMs })));
    expect(world.gate.waiting).toBe(65_536);
    await expect(world.session().run({ address: 'a:1' }, never)).rejects.toMatchObject({
      code: 'ERR_KWIK_LIMIT_EXCEEDED',
    });
    world.alive.add('b:1');
    const run = world.session().run({ address: 'b:1' }, () => world.attempt('b:1'));
    await world.clock.advanceByAsync(ANSWER_MS);
    await run;
    await world.clock.advanceByAsync(ANSWER_MS);
    await waiting;
    expect([world.gate.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });

  test('is not made to wait by a peer that allows its dials no time, nor for long by one that asks for it', async () => {
    const world = new Process();
    const hasty = world.session();
    for (let dial = 0; dial < 20; dial++) {
      const run = hasty.run({ address: 'a:1', commandedMs: 1 }, () => world.attempt('a:1')).catch(() => undefined);
      await world.clock.advanceByAsync(ATTEMPT_MS);
      await run;
    }
    await goesAtOnce(world);

    const dead = await deadServer();
    // Those that try are under way for long: another one begins each second.
    const tries = [1, 2, 3, 4].map(() => dead.session().run({ address: 'a:1' }, () => dead.wait(60_000)));
    await dead.clock.advanceByAsync(2200);
    const asked = dead.session().run({ address: 'a:1', commandedMs: 10_000 }, () => dead.wait(60_000));
    const outcome = Promise.allSettled([asked]);
    await dead.clock.advanceByAsync(999);
    expect(dead.gate.waiting).toBe(2);
    await dead.clock.advanceByAsync(1);
    expect(dead.gate.waiting).toBe(1);
    expect(await outcome).toMatchObject([{ reason: { code: 'ERR_KWIK_TIMEOUT' } }]);
    await dead.clock.advanceByAsync(65_000);
    await Promise.all(tries);
  });
});

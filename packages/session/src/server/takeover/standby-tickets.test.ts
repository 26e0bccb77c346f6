import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { deriveSessionKeys, SessionTickets, type KcpBody } from '@kwik/kcp';
import { VirtualClock } from '@kwik/testbed';
import { sessionIdFromBytes } from '@kwik/wire';
import type { StandbyServer } from '../../api/takeover.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { StandbyChanges } from './standby-changes.js';
import { StandbyTickets } from './standby-tickets.js';

const LIFE_MS = 60_000;
const bytes = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
const keys = deriveSessionKeys(sessionIdFromBytes(bytes(16)), bytes(32));
const tickets = new SessionTickets([bytes(32)]);

let clock: VirtualClock;
let standby: StandbyServer | undefined | Promise<StandbyServer>;
let asked: number;
beforeEach(() => {
  clock = new VirtualClock();
  standby = { address: 'one.example:1' };
  asked = 0;
});

/** What a client is told: when, where it is to go, and for how long it may. */
function session() {
  const said: { readonly atMs: number; readonly address: string; readonly lifeMs: number }[] = [];
  const leavings: boolean[] = [];
  const send = (body: KcpBody): void => {
    if (body.$case !== 'standby') throw new TypeError(body.$case);
    const { address, lifeMs, leaving } = body.value;
    said.push({ atMs: clock.now(), address, lifeMs });
    leavings.push(leaving);
  };
  const callbacks = new UserCallbacks(() => undefined);
  const context = { clock, callbacks, controlPath: { send }, closeInfo: undefined };
  const named = new StandbyTickets(context as unknown as SessionContext, {
    ...{ tickets, keys, identity: undefined, grantKeys: [], primary: '', takeovers: 0, random: bytes },
    lifeMs: LIFE_MS,
    wallClockMs: () => clock.now(),
    standby: () => {
      asked += 1;
      return standby;
    },
  });
  named.onPathUp();
  const standbyChanged = (atMs: number): boolean => {
    named.changed(atMs);
    return true;
  };
  return { said, leavings, named, standbyChanged, errors: () => callbacks.errors };
}

function deferred() {
  let [resolve, reject] = [(_server: StandbyServer): void => undefined, (_error: Error): void => undefined];
  const promise = new Promise<StandbyServer>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe('a client', () => {
  test('is told at once of another standby, and has its next ticket when the one of that is two thirds over', async () => {
    const { said, named } = session();
    await clock.advanceByAsync(5000);
    standby = { address: 'two.example:2' };
    named.changed(clock.now());
    await clock.advanceByAsync(30_000);
    expect(said).toEqual([
      { atMs: 0, address: 'one.example:1', lifeMs: LIFE_MS },
      { atMs: 5000, address: 'two.example:2', lifeMs: LIFE_MS },
      { atMs: 20_000, address: 'two.example:2', lifeMs: LIFE_MS },
    ]);
  });

  test('is told once a second at the most, and nothing where it is the same one after all', async () => {
    const { said, named } = session();
    await clock.advanceByAsync(5000);
    for (let round = 0; round < 200; round++) {
      standby = { address: `${round}.example:1` };
      named.changed(clock.now());
      await clock.advanceByAsync(10);
    }
    await clock.advanceByAsync(1000);
    expect(said.map(({ atMs }) => atMs)).toEqual([0, 5000, 6000, 7000]);
    expect(said.at(-1)).toMatchObject({ address: '199.example:1' });
    named.changed(clock.now());
    await clock.advanceByAsync(1000);
    expect(said).toHaveLength(4);
  });

  test('has nowhere to go when there is no standby any more, and is told so once', async () => {
    const { said, named } = session();
    await clock.advanceByAsync(5000);
    standby = undefined;
    named.changed(clock.now());
    await clock.advanceByAsync(20_000);
    expect(said.slice(1)).toEqual([{ atMs: 5000, address: 'one.example:1', lifeMs: 0 }]);
    standby = { address: 'one.example:1' };
    named.changed(clock.now());
    await clock.advanceByAsync(100);
    expect(said.at(-1)).toMatchObject({ address: 'one.example:1', lifeMs: LIFE_MS });
  });

  test('is told nothing of a standby that it would end the path for, and the application is', async () => {
    standby = { address: 'one.example:1', serverName: 'n'.repeat(254) };
    const { said, errors } = session();
    await clock.advanceByAsync(100);
    expect(said).toEqual([]);
    expect(errors()).toEqual({ 'takeover.standby': 1 });
  });

  test('hears of the last one, also where an answer of before comes later', async () => {
    const { said, named } = session();
    await clock.advanceByAsync(5000);
    let answer: (server: StandbyServer) => void = () => undefined;
    standby = new Promise<StandbyServer>((resolve) => (answer = resolve));
    named.changed(clock.now());
    await clock.advanceByAsync(1000);
    standby = { address: 'three.example:3' };
    named.changed(clock.now());
    await clock.advanceByAsync(1000);
    answer({ address: 'two.example:2' });
    await clock.advanceByAsync(1000);
    expect(said.map(({ address }) => address)).toEqual(['one.example:1', 'three.example:3']);
  });

  test.each(['answered', 'failed'])(
    'is told to go also where the standby is asked for again before the first question is %s',
    async (how) => {
      const { leavings, named } = session();
      await clock.advanceByAsync(5000);
      const [first, second] = [deferred(), deferred()];
      standby = first.promise;
      named.leave(true);
      await clock.advanceByAsync(1000);
      standby = second.promise;
      named.changed(clock.now());
      await clock.advanceByAsync(1000);
      if (how === 'failed') first.reject(new Error('nobody knows'));
      await clock.advanceByAsync(1000);
      second.resolve({ address: 'one.example:1' });
      await clock.advanceByAsync(1000);
      first.resolve({ address: 'one.example:1' });
      await clock.advanceByAsync(1000);
      expect(leavings).toEqual([false, true]);
    },
  );
});

test('ten thousand sessions are told within three seconds, and never more than a few at a time', async () => {
  const sessions = Array.from({ length: 10_000 }, session);
  const changes = new StandbyChanges(sessions, clock);
  await clock.advanceByAsync(5000);
  [standby, asked] = [{ address: 'two.example:2' }, 0];
  for (let round = 0; round < 100; round++) changes.changed();
  const perStep: number[] = [];
  for (let step = 0; step < 30; step++) {
    const before = asked;
    await clock.advanceByAsync(100);
    perStep.push(asked - before);
  }
  expect(sessions.every(({ said }) => said.at(-1)?.address === 'two.example:2')).toBe(true);
  expect(Math.max(...perStep)).toBeLessThanOrEqual(500);
  expect(asked).toBe(10_000);
  changes.changed();
  changes.end();
  await clock.advanceByAsync(5000);
  expect(asked).toBe(10_000);
});

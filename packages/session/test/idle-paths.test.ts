import { describe, expect, jest, test } from '@jest/globals';
import { agreedIdleTimeoutMs } from '../src/limits.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const MINUTES_MS = 300_000;

describe('a session that carries nothing keeps its paths, however short the idle time', () => {
  test.each([
    { client: 1000, server: 1000, rttMs: 40 },
    { client: 3000, server: 30_000, rttMs: 40 },
    { client: 30_000, server: 3000, rttMs: 40 },
    { client: 30_000, server: 500, rttMs: 200 },
    { client: 2500, server: 2500, rttMs: 600 },
  ])('of $client ms at the client and $server ms at the server, over $rttMs ms', async ({ client, server, rttMs }) => {
    const world = new SimulatedWorld(3);
    const shape = { both: { rateBitsPerSecond: 10e6, delayMs: rttMs / 2 } };
    const primary = world.server('10.0.0.1', shape, { idleTimeoutMs: server });
    const peer = world.server('10.0.0.2', shape, { idleTimeoutMs: server });
    const session = await world.dial(primary.address, { timeouts: { idleMs: client } });
    await world.settle(primary.sessions[0]!.addPath(peer.address));
    const changes: string[] = [];
    session.onPathChange(({ id, state }) => changes.push(`${id} ${state}`));
    await world.clock.advanceByAsync(MINUTES_MS);
    expect(changes).toEqual([]);
    expect(session.getActivePaths()).toHaveLength(2);
  });

  test('also where one datagram in ten is lost', async () => {
    const world = new SimulatedWorld(4);
    const shape = { both: { rateBitsPerSecond: 10e6, delayMs: 20, lossRate: 0.1 } };
    const primary = world.server('10.0.0.1', shape, { idleTimeoutMs: 2000 });
    const session = await world.dial(primary.address, { timeouts: { idleMs: 2000 } });
    const died: string[] = [];
    session.onPathChange(({ state, reason }) => state === 'dead' && died.push(reason ?? ''));
    await world.clock.advanceByAsync(MINUTES_MS);
    expect(died).toEqual([]);
  });
});

test('the smaller of both idle times holds, and none is none', () => {
  expect(agreedIdleTimeoutMs(1000, 2000)).toBe(1000);
  expect(agreedIdleTimeoutMs(2000, 1000)).toBe(1000);
  expect(agreedIdleTimeoutMs(0, 1000)).toBe(1000);
  expect(agreedIdleTimeoutMs(1000, 0)).toBe(1000);
  expect(agreedIdleTimeoutMs(0, 0)).toBe(0);
});

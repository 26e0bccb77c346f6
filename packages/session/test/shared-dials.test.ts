import { afterEach, expect, test } from '@jest/globals';
import type { Session } from '@kwik/session';
import { SimulatedWorld } from './simulated-world.js';

const LINK = { both: { rateBitsPerSecond: 2e7, delayMs: 10, queueBytes: 100_000 } };
const SESSIONS = 40;

let sessions: Session[] = [];
afterEach(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  sessions = [];
});

test('sessions of one process that lost one server try it one at a time, say so, and are all back right after it', async () => {
  const world = new SimulatedWorld(7);
  const server = world.server('10.0.0.1', LINK, { idleTimeoutMs: 60_000 });
  for (let count = 0; count < SESSIONS; count++) {
    sessions.push(await world.dial(server.address, { timeouts: { recoveryMs: 60_000 } }));
  }
  const dials = (): number => {
    const kinds = world.diagnostics.counters.departed.counts.families.get('dials') ?? new Map<string, number>();
    return [...kinds.values()].reduce((sum, count) => sum + count, 0);
  };
  server.link.cut();
  await world.pass(5000);
  const before = dials();
  await world.pass(10_000);
  // Each by itself would dial at least every 3.5 s: 110 times. Together they do so as one of them would.
  expect(dials() - before).toBeLessThanOrEqual(40);
  expect(dials() - before).toBeGreaterThan(5);
  const reasons = sessions.map((session) => session.getAllPaths()[0]!.reason ?? '');
  const waiting = reasons.filter((reason) => /; it waits while another dial finds out/.test(reason));
  expect(waiting.length).toBeGreaterThan(SESSIONS / 2);
  server.link.heal();
  await world.pass(3000);
  expect(sessions.map((session) => session.getActivePaths().length)).toEqual(Array<number>(SESSIONS).fill(1));
  expect(sessions.map((session) => session.getAllPaths()[0]!.reason ?? '').join('')).not.toMatch(/it waits/);
}, 60_000);

test('a local address from which nothing gets through holds up no session that dials the same server from elsewhere', async () => {
  const world = new SimulatedWorld(7);
  const server = world.server('10.0.0.1', LINK, { idleTimeoutMs: 60_000 });
  world.network.link(`wifi to ${server.address}`, LINK).cut();
  for (let count = 0; count < 10; count++) {
    sessions.push(await world.dial(server.address, { paths: { localAddresses: ['wifi'] } }));
  }
  await world.pass(6000);
  for (let count = 0; count < 10; count++) {
    const startMs = world.clock.now();
    sessions.push(await world.dial(server.address));
    // A few round trips of 20 ms.
    expect(world.clock.now() - startMs).toBeLessThan(100);
    await world.pass(300);
  }
  await world.settle(Promise.all(sessions.map((session) => session.close())));
}, 60_000);

test('sessions whose server has another address are held up by none that is known to be dead', async () => {
  const world = new SimulatedWorld(7);
  const server = world.server('10.0.0.1', LINK, { idleTimeoutMs: 60_000, alsoAt: '10.0.0.9' });
  const other = '10.0.0.9:4433';
  for (let count = 0; count < SESSIONS; count++) {
    sessions.push(await world.dial(server.address, { paths: { alternatives: [other] } }));
  }
  const left = (): number => sessions.filter((session) => session.getActivePaths().length === 0).length;
  world.network.link(other, LINK).cut();
  // The second time it is known that nobody answers at the other address.
  for (let round = 0; round < 2; round++) {
    server.link.cut();
    for (let passed = 0; left() < SESSIONS && passed < 20_000; passed += 100) await world.pass(100);
    expect(left()).toBe(SESSIONS);
    server.link.heal();
    await world.pass(4000);
    expect(left()).toBe(0);
  }
  await world.settle(Promise.all(sessions.map((session) => session.close())));
}, 60_000);

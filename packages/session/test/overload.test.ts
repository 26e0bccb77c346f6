import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { OverloadEvent } from '@kwik/session';
import { until } from '@kwik/testbed';
import type { ServiceLevel } from '@kwik/wire';
import type { AcceptedSession } from '../src/server/server-session.js';
import { Harness, pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

describe('a listener that is short of memory', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.create();
  });
  afterEach(async () => {
    await harness.close();
  });

  test('tells new clients when to come back, those that are there what they lack, and operators why', async () => {
    const events: OverloadEvent[] = [];
    const overload = { memoryBytes: 90_000, onChange: (event: OverloadEvent) => void events.push(event) };
    const { listener, client, server } = await harness.pair({ overload });
    const levels: ServiceLevel[] = [];
    server.onServiceLevelChange((level) => levels.push(level));
    const stream = client.openStream();
    await stream.write(pattern(90_000));
    await until(() => listener.stats().memory.heldBytes === 90_000);
    const refused = harness.dial(listener);
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECTION_REFUSED',
      retryAfterMs: expect.any(Number),
      message: expect.stringMatching(/overloaded \(memory: 1\d\d % of its budget is used\); try again in \d s/u),
    });
    expect(listener.stats().overload).toMatchObject({ level: 7, refused: 1, idleEnded: 0 });
    expect(events.map(({ action }) => action)).toEqual([
      'lessReadAhead',
      'noCopies',
      'noProbing',
      'fewerPaths',
      'singlePath',
      'refuseSessions',
      'endIdleSessions',
    ]);
    expect(levels).toEqual([{ level: 'reduced', reason: 'the server is short of memory' }]);
    // Whoever is there goes on.
    const accepted = await server.acceptStream();
    expect((await accepted.read())?.length).toBeGreaterThan(0);
    expect(client.serviceLevel).toEqual({ level: 'full', reason: '' });
  });
});

test('what went on in a session between two looks is seen: a short question, and a datagram each way; a mere path is nothing', async () => {
  const world = new SimulatedWorld(12);
  const server = world.server('10.0.0.1', { both: { rateBitsPerSecond: 10e6, delayMs: 10 } });
  const client = await world.dial(server.address);
  const session = server.sessions[0] as AcceptedSession;
  const changed = async (work: () => void): Promise<boolean> => {
    await world.pass(1000);
    const before = session.activity;
    work();
    await world.pass(20_000);
    expect(session.quiet).toBe(true);
    return session.activity !== before;
  };
  expect(await changed(() => undefined)).toBe(false);
  expect(await changed(() => client.sendDatagram(pattern(9)))).toBe(true);
  expect(await changed(() => session.sendDatagram(pattern(9)))).toBe(true);
  expect(
    await changed(() => {
      void session.acceptStream().then(async (accepted) => {
        await accepted.read();
        accepted.stopSending(0);
        await accepted.close();
      });
      const stream = client.openStream();
      void stream.write('?').then(() => stream.close());
      void stream.read();
    }),
  ).toBe(true);
});

test('a session says how much of its service it has: at both ends, and until it ends', async () => {
  const world = new SimulatedWorld(11);
  const shape = { both: { rateBitsPerSecond: 10e6, delayMs: 10 } };
  const primary = world.server('10.0.0.1', shape);
  const peer = world.server('10.0.0.2', shape);
  const session = await world.dial(primary.address);
  expect(session.serviceLevel).toEqual({ level: 'full', reason: '' });
  const added = await world.settle(primary.sessions[0]!.addPath(peer.address));
  const seen: ServiceLevel[] = [];
  const stop = session.onServiceLevelChange((level) => seen.push(level));
  const levelAtPrimary = (): string => primary.sessions[0]!.serviceLevel.level;
  peer.link.cut();
  await world.settle(waitFor(() => session.serviceLevel.level === 'minimal'));
  expect(session.serviceLevel.reason).toContain(`1 of 2 paths carries data: path ${added.id} to ${peer.address}`);
  await world.settle(waitFor(() => levelAtPrimary() === 'minimal'));
  peer.link.heal();
  await world.settle(waitFor(() => session.serviceLevel.level === 'full' && levelAtPrimary() === 'full'));
  // What is removed on purpose is missed by nobody.
  await world.settle(primary.sessions[0]!.removePath(added.id));
  expect([session.serviceLevel.level, levelAtPrimary()]).toEqual(['full', 'full']);
  expect(seen.map(({ level }) => level)).toEqual(['minimal', 'full']);
  stop();
  await world.settle(session.close());
  expect(session.serviceLevel).toEqual({ level: 'none', reason: 'the session has ended' });
  expect(seen).toHaveLength(2);

  function waitFor(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) resolve();
        else world.clock.schedule(10, look);
      };
      look();
    });
  }
});

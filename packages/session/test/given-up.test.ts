import { describe, expect, jest, test } from '@jest/globals';
import type { ServerSession, Session } from '@kwik/session';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 20, queueBytes: 60_000 } };
/** Longer than all waits and attempts of what is tried again. */
const LONG_MS = 60_000;

function stateOf(session: Session, pathId: number): string | undefined {
  return session.getAllPaths().find(({ id }) => Number(id) === pathId)?.state;
}

async function setUp() {
  const world = new SimulatedWorld(3);
  const primary = world.server('10.0.0.1', LINK);
  const peer = world.server('10.0.0.2', LINK);
  const client = await world.dial(primary.address);
  const server: ServerSession = primary.sessions[0]!;
  const until = async (state: string): Promise<void> => {
    const reached = await world.clock.runUntilAsync(() => stateOf(server, 1) === state, { maxMs: LONG_MS });
    expect([state, reached]).toEqual([state, true]);
  };
  return { world, primary, peer, client, server, until };
}

describe('a path that is removed', () => {
  test('while it is being connected again stays away', async () => {
    const { world, peer, client, server, until } = await setUp();
    await world.settle(server.addPath(peer.address));
    peer.link.cut();
    await until('dead');
    peer.link.heal();
    await until('recovering');
    await expect(server.removePath(1)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
    await world.clock.advanceByAsync(LONG_MS);
    expect([stateOf(server, 1), stateOf(client, 1)]).toEqual(['dead', 'dead']);
    // It did connect: the client was told to let it go.
    expect(peer.sessions).toHaveLength(2);
    expect(client.getDeadPaths()).toMatchObject([{ id: 1, errorCode: 'ERR_KWIK_PATH_REMOVED' }]);
    await expect(world.settle(peer.sessions[1]!.closed)).resolves.toBeDefined();
  });

  test('while it is being connected again, with the client lost before it hears of that, stays away', async () => {
    const { world, primary, peer, client, server, until } = await setUp();
    await world.settle(server.addPath(peer.address));
    peer.link.cut();
    await until('dead');
    peer.link.heal();
    await until('recovering');
    await expect(server.removePath(1)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
    const joined = (): boolean => stateOf(client, 1) === 'active';
    expect(await world.clock.runUntilAsync(joined, { maxMs: LONG_MS })).toBe(true);
    // Its answer is still heard, and nothing more.
    primary.link.cut('down');
    const lost = (): boolean => client.getActivePaths().every(({ id }) => Number(id) !== 0);
    expect(await world.clock.runUntilAsync(lost, { maxMs: LONG_MS })).toBe(true);
    primary.link.heal();
    await world.clock.advanceByAsync(LONG_MS);
    expect([stateOf(client, 0), stateOf(server, 1), stateOf(client, 1)]).toEqual(['active', 'dead', 'dead']);
  });

  test('before it is connected for the first time never is', async () => {
    const { world, peer, client, server } = await setUp();
    const adding = server.addPath(peer.address);
    adding.catch(() => undefined);
    await server.removePath(1);
    await expect(world.settle(adding)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_REMOVED' });
    await world.clock.advanceByAsync(LONG_MS);
    expect([stateOf(server, 1), stateOf(client, 1)]).toEqual(['dead', 'dead']);
  });
});

describe('a server that is gone for good', () => {
  test('is tried twelve times, less and less often, and then no more', async () => {
    const { world, peer, server, until } = await setUp();
    await world.settle(server.addPath(peer.address));
    // It had held before.
    await world.clock.advanceByAsync(5000);
    let tries = 0;
    let lastMs = 0;
    server.onPathChange(({ id, state }) => {
      if (Number(id) !== 1 || state !== 'recovering') return;
      tries += 1;
      lastMs = world.clock.now();
    });
    peer.link.cut();
    await until('dead');
    await world.clock.advanceByAsync(20 * LONG_MS);
    expect(tries).toBe(12);
    expect(world.clock.now() - lastMs).toBeGreaterThan(5 * LONG_MS);
  });
});

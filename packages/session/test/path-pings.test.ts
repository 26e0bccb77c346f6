import { describe, expect, jest, test } from '@jest/globals';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const link = (delayMs: number) => ({ both: { rateBitsPerSecond: 10e6, delayMs } });

async function twoServers() {
  const world = new SimulatedWorld(5);
  const primary = world.server('10.0.0.1', link(20));
  const peer = world.server('10.0.0.2', link(45));
  const session = await world.dial(primary.address);
  const added = await world.settle(primary.sessions[0]!.addPath(peer.address));
  return { world, primary, peer, session, added };
}

describe('a question over a path', () => {
  test('is answered by the server at its end, from either end of the path, with the time there', async () => {
    const { world, primary, session, added } = await twoServers();
    const [near, far] = [await world.settle(session.pingPath(0)), await world.settle(session.pingPath(added.id))];
    expect(near.rttMs).toBeGreaterThanOrEqual(40);
    expect(near.rttMs).toBeLessThan(45);
    expect(far.rttMs).toBeGreaterThanOrEqual(90);
    expect(far.rttMs).toBeLessThan(95);
    expect(Number.isFinite(near.clockAheadMs)).toBe(true);
    const long = Array.from({ length: 24 }, () => session.pingPath(0, { paddingBytes: 1_024 }));
    expect(await world.settle(Promise.all(long))).toHaveLength(24);
    expect((await world.settle(primary.sessions[0]!.pingPath(0))).rttMs).toBeGreaterThanOrEqual(40);
  });

  test('of which no answer comes is given up in time, or when the path is', async () => {
    const { world, peer, session, added } = await twoServers();
    peer.link.cut();
    await expect(world.settle(session.pingPath(added.id, { timeoutMs: 50 }))).rejects.toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
      message: expect.stringContaining(peer.address),
    });
    await expect(world.settle(session.pingPath(added.id, { timeoutMs: 60_000 }))).rejects.toMatchObject({
      code: 'ERR_KWIK_PATH_DEAD',
    });
    await expect(session.pingPath(added.id)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
  });

  test('is refused for a path that never was, and a time that cannot be', async () => {
    const { session } = await twoServers();
    await expect(session.pingPath(77)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_NOT_FOUND' });
    for (const paddingBytes of [-1, 0.5, 1_025]) {
      await expect(session.pingPath(0, { paddingBytes })).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    }
    for (const timeoutMs of [0, Number.NaN, 60_001]) {
      await expect(session.pingPath(0, { timeoutMs })).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    }
  });

  test('may be asked several times at once, and is over when the session is', async () => {
    const { world, session } = await twoServers();
    const pings = await world.settle(Promise.all([1, 2, 3].map(() => session.pingPath(0))));
    expect(pings.map(({ rttMs }) => Math.round(rttMs / 10))).toEqual([4, 4, 4]);
    const late = session.pingPath(0).then(
      () => 'answered',
      (error: unknown) => (error as { readonly code: string }).code,
    );
    await world.settle(session.close());
    expect(['answered', 'ERR_KWIK_SESSION_CLOSED', 'ERR_KWIK_PATH_DEAD']).toContain(await world.settle(late));
    await expect(session.pingPath(0)).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
  });
});

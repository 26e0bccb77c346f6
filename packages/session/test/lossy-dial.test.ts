import { describe, expect, jest, test } from '@jest/globals';
import type { ServerSession, Session } from '@kwik/session';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

/** Enough for the share to mean something. */
const DIALS = 100;

/** The session, or the error, and how long that took. */
async function dialled(world: SimulatedWorld, address: string, timeoutMs: number) {
  const startMs = world.clock.now();
  const outcome: Session | Error = await world
    .dial(address, { timeouts: { dialMs: timeoutMs } })
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  return { outcome, tookMs: world.clock.now() - startMs };
}

describe('where a third of all packets is lost', () => {
  test.each([20, 100, 300])('19 of 20 dials over %i ms come through in 10 s', async (rttMs) => {
    let open = 0;
    for (let seed = 1; seed <= DIALS; seed++) {
      const world = new SimulatedWorld(seed);
      const server = world.server('10.0.0.1', { both: { delayMs: rttMs / 2, lossRate: 1 / 3 } });
      const { outcome } = await dialled(world, server.address, 10_000);
      if (!(outcome instanceof Error)) open += 1;
    }
    expect(open / DIALS).toBeGreaterThanOrEqual(19 / 20);
  });

  test('the server is left with one session, at the latest when the others have not been heard of for long', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = new SimulatedWorld(seed);
      const ended = new Set<ServerSession>();
      const server = world.server(
        '10.0.0.1',
        { both: { delayMs: 50, lossRate: 1 / 3 } },
        {
          onSession: (session) => void session.closed.then(() => ended.add(session)),
        },
      );
      const { outcome } = await dialled(world, server.address, 20_000);
      if (outcome instanceof Error) continue;
      server.link.configure('both', { lossRate: 0 });
      await world.clock.advanceByAsync(60_000);
      expect(server.sessions.filter((session) => !ended.has(session)).map(({ id }) => id)).toEqual([outcome.id]);
    }
  });
});

describe('a dial keeps to its dialMs', () => {
  test('with a server that never answers the hello', async () => {
    const world = new SimulatedWorld(1);
    world.network.listen('10.0.0.1:4433', () => undefined);
    const { outcome, tookMs } = await dialled(world, '10.0.0.1:4433', 7000);
    expect(outcome).toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
      message: '10.0.0.1:4433 did not answer the KWIK handshake in 7000 ms',
    });
    expect(Math.round(tookMs)).toBe(7000);
  });

  test('with a server that is not there, and one that is slow in both handshakes', async () => {
    const world = new SimulatedWorld(2);
    const gone = world.server('10.0.0.1', {});
    gone.link.cut();
    expect(Math.round((await dialled(world, gone.address, 3000)).tookMs)).toBe(3000);
    // The connection takes 1.6 s of the two that there are, and the hello would take 1.6 more.
    const far = world.server('10.0.0.2', { both: { delayMs: 800 } });
    expect(Math.round((await dialled(world, far.address, 2000)).tookMs)).toBe(2000);
    expect((await dialled(world, far.address, 10_000)).outcome).not.toBeInstanceOf(Error);
  });
});

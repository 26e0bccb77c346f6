import { describe, expect, jest, test } from '@jest/globals';
import { FIRST_CLIENT_PATH_ID } from '../src/limits.js';
import type { Feature } from '../src/runtime/features/feature.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } };
const SPARE = FIRST_CLIENT_PATH_ID;
const HOUR_MS = 3_600_000;

describe('a further path to the primary', () => {
  test('that cannot be opened is tried twelve times more, and then only with new hope', async () => {
    const world = new SimulatedWorld(6);
    const primary = world.server('10.0.0.1', LINK);
    const nowhere = world.server('10.0.0.9', LINK);
    nowhere.link.cut();
    const client = await world.dial(primary.address, { paths: { extra: [{ address: nowhere.address }] } });
    // The first was begun before anybody could listen.
    let tried = 1;
    let before = '';
    client.onPathChange(({ id, state }) => {
      if (Number(id) !== SPARE) return;
      // That its dial has to wait for its turn is told as well, and is no attempt.
      if (state === 'recovering' && before !== 'recovering') tried++;
      before = state;
    });
    await world.clock.advanceByAsync(HOUR_MS);
    expect(tried).toBe(13);
    expect(client.getDeadPaths()).toMatchObject([{ id: SPARE, state: 'dead' }]);
    expect(world.client.pendingTimers).toBeLessThanOrEqual(1);

    primary.link.cut();
    const lost = (): boolean => client.getActivePaths().length === 0;
    expect(await world.clock.runUntilAsync(lost, { maxMs: HOUR_MS })).toBe(true);
    const triedBefore = tried;
    await world.clock.advanceByAsync(10_000);
    expect(tried).toBeGreaterThan(triedBefore);
    primary.link.heal();
    await world.clock.advanceByAsync(HOUR_MS);
    expect(client.getActivePaths()).toMatchObject([{ id: 0 }]);
    // No path was left for less than the 12 s that four attempts take; twelve and one more at leisure follow.
    expect(tried).toBeGreaterThan(triedBefore + 10);
    expect(tried).toBeLessThan(triedBefore + 18);
  });

  test('that its primary takes and turns away again and again is opened once a second at the most', async () => {
    const world = new SimulatedWorld(7);
    let opened = 0;
    const hostile = (session: SessionContext): Feature[] => [
      {
        onPathUp: ({ id: pathId }) => {
          if (pathId < SPARE) return;
          opened++;
          const value = { pathId, reason: 'not now', drainMs: 0, retryAfterMs: 1 };
          // The client knows of it when the answer has travelled.
          world.clock.schedule(50, () => void session.controlPath!.request('removePath', value, 1000));
        },
      },
    ];
    const primary = world.server('10.0.0.1', LINK, { features: hostile });
    world.network.link(`10.9.0.2 to ${primary.address}`, LINK);
    await world.dial(primary.address, { paths: { extra: [{ localAddress: '10.9.0.2' }] } });
    await world.clock.advanceByAsync(10_000);
    expect(opened).toBeGreaterThan(5);
    expect(opened).toBeLessThanOrEqual(11);
  });

  test.each([2000, 3000, 4000, 5000])('that was lost in an outage of %i ms is soon back', async (outageMs) => {
    const world = new SimulatedWorld(outageMs);
    const primary = world.server('10.0.0.1', LINK);
    const other = world.network.link(`10.9.0.2 to ${primary.address}`, LINK);
    const client = await world.dial(primary.address, { paths: { extra: [{ localAddress: '10.9.0.2' }] } });
    const active = (): boolean => client.getActivePaths().some(({ id }) => Number(id) === SPARE);
    expect(await world.clock.runUntilAsync(active, { maxMs: 1000 })).toBe(true);
    await world.clock.advanceByAsync(2500);
    other.cut();
    await world.clock.advanceByAsync(outageMs);
    other.heal();
    expect(await world.clock.runUntilAsync(active, { maxMs: 1200 })).toBe(true);
  });
});

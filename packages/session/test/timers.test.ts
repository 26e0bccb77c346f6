import { describe, expect, jest, test } from '@jest/globals';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const FAST = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } };
const SLOW = { both: { rateBitsPerSecond: 0.2e6, delayMs: 10, queueBytes: 60_000 } };

describe('a session that is closed leaves no timer', () => {
  test('at a client with a path that is being removed', async () => {
    const world = new SimulatedWorld(1);
    const primary = world.server('10.0.0.1', FAST);
    const peer = world.server('10.0.0.2', SLOW);
    const client = await world.dial(primary.address);
    const server = primary.sessions[0]!;
    const { id } = await world.settle(server.addPath(peer.address, { capabilities: ['contribute'] }));
    const stream = server.openStream({ unidirectional: true });
    const size = 100_000;
    stream.skip(BigInt(size));
    await world.settle(client.acceptStream());
    await world.settle(server.grantContribution(id, stream.id, [{ offset: 0n, length: BigInt(size) }]));
    await world.settle(peer.sessions[0]!.contribute(stream.id).writeAt(0n, pattern(size)));
    server.removePath(id).catch(() => undefined);
    const draining = (): boolean => client.getAllPaths()[1]?.state === 'draining';
    expect(await world.clock.runUntilAsync(draining, { maxMs: 1000 })).toBe(true);
    await client.close();
    expect(world.client.pendingTimers).toBe(0);
  });

  test('at a server whose client is away', async () => {
    const world = new SimulatedWorld(2);
    const primary = world.server('10.0.0.1', FAST);
    await world.dial(primary.address);
    const server = primary.sessions[0]!;
    primary.link.cut();
    const away = (): boolean => server.getActivePaths().length === 0;
    expect(await world.clock.runUntilAsync(away, { maxMs: 20_000 })).toBe(true);
    expect(primary.process.pendingTimers).toBe(1);
    await server.close();
    expect(primary.process.pendingTimers).toBe(0);
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import { pattern, sourceOf } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

describe('sessions on virtual time', () => {
  test('three equal servers bring nearly three times the rate of one', async () => {
    const shape = { both: { rateBps: 10e6, delayMs: 10, queueBytes: 60_000 } };
    const content = pattern(3_000_000);
    const times: number[] = [];
    for (const count of [0, 2]) {
      const world = new SimulatedWorld(5);
      const peers = Array.from({ length: count }, (_, index) =>
        world.server(`10.0.0.${index + 2}`, shape, { source: sourceOf(content) }),
      );
      const primary = world.server('10.0.0.1', shape, {
        onSession: (session) => {
          for (const peer of peers) void session.addPath(peer.address);
          void session.acceptStream().then(async (stream) => {
            await stream.read();
            await stream.sendFrom('content', sourceOf(content));
            await stream.close();
          });
        },
      });
      const client = await world.dial(primary.address);
      const stream = client.openStream();
      const reading = (async () => {
        await stream.write('get');
        let bytes = 0;
        for await (const chunk of stream) bytes += chunk.length;
        return bytes;
      })();
      const start = world.clock.now();
      expect(await world.settle(reading)).toBe(content.length);
      times.push(world.clock.now() - start);
    }
    // Virtual time: the figure is exact, and the same on every machine.
    expect(times[0]! / times[1]!).toBeGreaterThan(2.4);
  });
});

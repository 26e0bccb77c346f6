import { describe, expect, jest, test } from '@jest/globals';
import { contentServers } from './content-servers.js';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

describe('sessions on virtual time', () => {
  test('three equal servers bring nearly three times the rate of one', async () => {
    const shape = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } };
    const content = pattern(3_000_000);
    const times: number[] = [];
    for (const count of [1, 3]) {
      const world = new SimulatedWorld(5);
      const { primary } = contentServers(world, count, shape, content);
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

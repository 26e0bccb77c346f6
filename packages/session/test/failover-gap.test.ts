import { describe, expect, jest, test } from '@jest/globals';
import { pattern, sourceOf } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(120_000);

const MBPS = 10;
const SECONDS = 5;

/** The reader's longest wait, ms, when links fall silent at `cutMs` after the first byte and stay so. */
async function longestGap(seed: number, servers: number, cut: number, rttMs: number, cutMs: number): Promise<number> {
  const content = pattern((servers * MBPS * 1e6 * SECONDS) / 8 / 2, seed);
  const world = new SimulatedWorld(seed);
  const shape = { both: { rateBps: MBPS * 1e6, delayMs: rttMs / 2, queueBytes: 62_500 } };
  const peers = Array.from({ length: servers - 1 }, (_, index) =>
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
  const times: number[] = [];
  const reading = (async () => {
    await stream.write('get');
    let bytes = 0;
    for await (const chunk of stream) {
      if (bytes === 0) {
        world.clock.schedule(cutMs, () => {
          for (const peer of peers.slice(0, cut)) peer.link.cut();
        });
      }
      expect(Buffer.compare(chunk, content.subarray(bytes, bytes + chunk.length))).toBe(0);
      bytes += chunk.length;
      times.push(world.clock.now());
    }
    return bytes;
  })();
  expect(await world.settle(reading)).toBe(content.length);
  return Math.max(...times.slice(1).map((at, index) => at - times[index]!));
}

describe('links that fall silent under load, on virtual time', () => {
  // Queues of 50 ms are full here: after 25 ms and a second look the block is asked for elsewhere, and is there an RTT later.
  test.each([
    { servers: 2, cut: 1, rttMs: 20, withinMs: 140 },
    { servers: 3, cut: 2, rttMs: 20, withinMs: 160 },
    { servers: 2, cut: 1, rttMs: 100, withinMs: 270 },
    { servers: 3, cut: 2, rttMs: 100, withinMs: 280 },
  ])('$cut of $servers servers, $rttMs ms: the reader waits no longer than $withinMs ms', async (world) => {
    const gaps: number[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      gaps.push(await longestGap(seed, world.servers, world.cut, world.rttMs, 900 + 37 * seed));
    }
    expect(Math.max(...gaps)).toBeLessThanOrEqual(world.withinMs);
  });
});

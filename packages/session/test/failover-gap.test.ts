import { describe, expect, jest, test } from '@jest/globals';
import { contentServers } from './content-servers.js';
import { pattern } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(120_000);

const MBPS = 10;
/** Of all servers together, in seconds of what their links carry: some remains when the last thing has happened. */
const UNTIL_CUT = 1.5;
const UNTIL_HEALED = 2.5;

/** At these times after the first byte, ms, this happens to the servers, of which the first is the primary. */
type Script = readonly (readonly [atMs: number, act: (servers: readonly SimulatedServer[]) => void])[];

/** The reader's longest wait, ms. */
async function longestGap(
  seed: number,
  { servers, rttMs, seconds }: { servers: number; rttMs: number; seconds: number },
  script: Script,
): Promise<number> {
  const content = pattern((servers * MBPS * 1e6 * seconds) / 8, seed);
  const world = new SimulatedWorld(seed);
  const shape = { both: { rateBitsPerSecond: MBPS * 1e6, delayMs: rttMs / 2, queueBytes: 62_500 } };
  const { primary, peers } = contentServers(world, servers, shape, content);
  const client = await world.dial(primary.address);
  const stream = client.openStream();
  const times: number[] = [];
  const reading = (async () => {
    await stream.write('get');
    let bytes = 0;
    for await (const chunk of stream) {
      if (bytes === 0) for (const [atMs, act] of script) world.clock.schedule(atMs, () => act([primary, ...peers]));
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
      const cut = (all: readonly SimulatedServer[]): void => {
        for (const { link } of all.slice(1, 1 + world.cut)) link.cut();
      };
      gaps.push(await longestGap(seed, { ...world, seconds: UNTIL_CUT }, [[900 + 37 * seed, cut]]));
    }
    expect(Math.max(...gaps)).toBeLessThanOrEqual(world.withinMs);
  });

  test.each([
    { rttMs: 20, withinMs: 170 },
    { rttMs: 100, withinMs: 320 },
  ])('one that has just come back is used when the other falls silent, $rttMs ms', async ({ rttMs, withinMs }) => {
    const gaps: number[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      const script: Script = [
        [900, ([, peer]) => peer!.link.cut()],
        [1500, ([, peer]) => peer!.link.heal()],
        [1550 + 37 * seed, ([primary]) => primary!.link.cut()],
        [3000, ([primary]) => primary!.link.heal()],
      ];
      gaps.push(await longestGap(seed, { servers: 2, rttMs, seconds: UNTIL_HEALED }, script));
    }
    expect(Math.max(...gaps)).toBeLessThanOrEqual(withinMs);
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import type { ScalingEvent, ScalingOptions, Session } from '@kwik/session';
import { pattern, sourceOf } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; all is on virtual time. */
jest.setTimeout(60_000);

const MBPS = 4;
const LINK = { both: { rateBitsPerSecond: MBPS * 1e6, delayMs: 10, queueBytes: 25_000 } };

/** A primary that may take on two further servers, and sends so many bytes of content to whoever opens a stream. */
function worldOf(seconds: number, candidates: ScalingOptions['candidates'], seed = 1) {
  const content = pattern((MBPS * 1e6 * seconds) / 8, 3);
  const source = sourceOf(content);
  const world = new SimulatedWorld(seed);
  const peers = [2, 3].map((host) => world.server(`10.0.0.${host}`, LINK, { source }));
  const events: (ScalingEvent & { readonly atMs: number })[] = [];
  const primary = world.server('10.0.0.1', LINK, {
    scaling: { candidates, onDecision: (event) => void events.push({ ...event, atMs: world.clock.now() }) },
    onSession: (session) => {
      void (async () => {
        for (;;) {
          const stream = await session.acceptStream();
          await stream.read();
          await stream.sendFrom('content', source);
          await stream.close();
        }
      })().catch(() => undefined);
    },
  });
  return { world, primary, peers, events, content };
}

/** Reads the content once; the longest wait for a byte after the first, in ms. */
async function fetchOnce(world: SimulatedWorld, client: Session, content: Uint8Array): Promise<number> {
  const stream = client.openStream();
  await stream.write('get');
  let [bytes, lastMs, gapMs] = [0, 0, 0];
  for await (const chunk of stream) {
    expect(Buffer.compare(chunk, content.subarray(bytes, bytes + chunk.length))).toBe(0);
    if (bytes > 0) gapMs = Math.max(gapMs, world.clock.now() - lastMs);
    lastMs = world.clock.now();
    bytes += chunk.length;
  }
  expect(bytes).toBe(content.length);
  return gapMs;
}

describe('a session whose reader wants more than its primary gives', () => {
  test('has a further server within 10 s, gives it back when it is at rest, and its reader notices nothing (V2.2, V3.1, V3.2, V3.5)', async () => {
    const { world, primary, events, content } = worldOf(25, [{ address: '10.0.0.2:4433', pricePerGb: 0.05 }]);
    const client = await world.dial(primary.address);
    const began = world.clock.now();
    const gapMs = await world.settle(fetchOnce(world, client, content));
    const tookMs = world.clock.now() - began;
    expect(events.slice(0, 2)).toMatchObject([
      {
        kind: 'add',
        address: '10.0.0.2:4433',
        reason: expect.stringMatching(/^demand \((now|trend)\) is \d+ % of what 1 paths carry$/),
      },
      { kind: 'added', address: '10.0.0.2:4433' },
    ]);
    expect(events[0]!.atMs - began).toBeLessThanOrEqual(5000);
    expect(events[1]!.atMs - began).toBeLessThanOrEqual(10_000);
    // Two links of the same rate from then on; one alone would take 25 s.
    expect(tookMs).toBeLessThan(18_000);
    expect(gapMs).toBeLessThan(150);
    await world.pass(20 * 60_000);
    expect(events.map(({ kind }) => kind)).toEqual(['add', 'added', 'remove', 'removed']);
    expect(events[3]!.spent).toBeGreaterThan(0);
    expect(client.getActivePaths()).toHaveLength(1);
    expect(world.client.pendingTimers).toBeLessThanOrEqual(2);
  });

  test('tries another server when one cannot be added, and says why (V3.4)', async () => {
    const { world, primary, peers, events, content } = worldOf(30, [
      { address: '10.0.0.2:4433' },
      { address: '10.0.0.3:4433', pricePerGb: 1 },
    ]);
    peers[0]!.link.cut();
    const client = await world.dial(primary.address);
    const began = world.clock.now();
    await world.settle(fetchOnce(world, client, content));
    expect(events.slice(0, 4)).toMatchObject([
      { kind: 'add', address: '10.0.0.2:4433' },
      { kind: 'failed', address: '10.0.0.2:4433', error: { name: 'KwikError' } },
      { kind: 'add', address: '10.0.0.3:4433' },
      { kind: 'added', address: '10.0.0.3:4433' },
    ]);
    expect(events[3]!.atMs - began).toBeLessThanOrEqual(15_000);
  });

  test('that is refused by name when its options make no sense', async () => {
    const { listen } = await import('@kwik/session');
    for (const [scaling, message] of [
      [{ candidates: [{ address: 'a:1', pricePerGb: -1 }] }, 'scaling.candidates[0].pricePerGb'],
      [{ candidates: [], maxPaths: 17 }, 'a whole number from 1 to 16'],
      [{ candidate: [] }, 'scaling.candidate'],
    ] as const) {
      await expect(listen({ scaling: scaling as unknown as ScalingOptions })).rejects.toMatchObject({
        code: 'ERR_KWIK_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      });
    }
  });
});

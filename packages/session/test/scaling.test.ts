import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, jest, test } from '@jest/globals';
import type { ScalingStep, SelectionResult, ServerDirectory } from '@kwik/wire';
import type { ScalingEvent, ScalingOptions, Session, Spending } from '@kwik/session';
import type { Feature } from '../src/runtime/features/feature.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { pattern, sourceOf } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; all is on virtual time. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 1e6, delayMs: 10, queueBytes: 25_000 } };
/** Where it matters how long a piece of the content takes. Each packet costs the same time, so elsewhere there are fewer. */
const FAST_LINK = { both: { ...LINK.both, rateBitsPerSecond: 4e6 } };

type From = Pick<ScalingOptions, 'candidates' | 'directory' | 'spending' | 'onSpending'>;

/** A primary that may take on two further servers, and sends so many bytes of content to whoever opens a stream. */
function worldOf(seconds: number, from: From, link = LINK) {
  const content = pattern((link.both.rateBitsPerSecond * seconds) / 8, 3);
  const source = sourceOf(content);
  const world = new SimulatedWorld(1);
  const peers = [2, 3].map((host) => world.server(`10.0.0.${host}`, link, { source }));
  const events: (ScalingEvent & { readonly atMs: number })[] = [];
  const primary = world.server('10.0.0.1', link, {
    scaling: { ...from, onDecision: (event) => void events.push({ ...event, atMs: world.clock.now() }) },
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
  let [bytes, lastMs, gapMs, wrongAt] = [0, 0, 0, undefined as number | undefined];
  for await (const chunk of stream) {
    if (Buffer.compare(chunk, content.subarray(bytes, bytes + chunk.length)) !== 0) wrongAt ??= bytes;
    if (bytes > 0) gapMs = Math.max(gapMs, world.clock.now() - lastMs);
    lastMs = world.clock.now();
    bytes += chunk.length;
  }
  expect([bytes, wrongAt]).toEqual([content.length, undefined]);
  return gapMs;
}

describe('a session whose reader wants more than its primary gives', () => {
  test('has a further server within 10 s, gives it back when it is at rest, and its reader notices nothing (V2.2, V3.1, V3.2, V3.5)', async () => {
    const steps: unknown[] = [];
    const hear = (step: unknown): void => void steps.push(step);
    subscribe('kwik:scaling:step', hear);
    const candidates = [{ address: '10.0.0.2:4433', pricePerGb: 0.05 }];
    const { world, primary, events, content } = worldOf(25, { candidates }, FAST_LINK);
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
    unsubscribe('kwik:scaling:step', hear);
    const decided = { decider: 'scaling', of: 'session', session: client.id, result: 'done', count: 1 };
    const common = { ...decided, server: '10.0.0.2:4433', figures: expect.anything(), atMs: expect.any(Number) };
    const bound = (name: string, limit: number) => ({ name, limit, value: expect.any(Number) });
    expect(steps).toEqual([
      { ...common, step: 'add', reason: events[1]!.reason, bound: bound('high share of capacity', 0.8) },
      { ...common, step: 'remove', reason: events[3]!.reason, bound: bound('low share of capacity', 0.3) },
    ]);
    expect(client.getActivePaths()).toHaveLength(1);
    expect(world.client.pendingTimers).toBeLessThanOrEqual(2);
  });

  test('knows after a restart what its servers have sent this month, when the program kept it', async () => {
    const told: Spending[] = [];
    const candidates = [{ address: '10.0.0.2:4433', monthlyCapBytes: 500_000 }];
    const first = worldOf(25, { candidates, onSpending: (spending) => void told.push(spending) });
    const client = await first.world.dial(first.primary.address);
    await first.world.settle(fetchOnce(first.world, client, first.content));
    await first.world.settle(client.close());
    const kept = told.at(-1)!;
    expect(kept).toEqual({
      month: expect.stringMatching(/^\d{4}-\d\d$/),
      bytes: { '10.0.0.2:4433': expect.any(Number) },
    });
    expect(kept.bytes['10.0.0.2:4433']).toBeGreaterThanOrEqual(500_000);

    // The first had added it by then.
    const second = worldOf(14, { candidates, spending: kept });
    const again = await second.world.dial(second.primary.address);
    await second.world.settle(fetchOnce(second.world, again, second.content));
    expect(second.events).toEqual([]);
  });

  test('tries another server when one cannot be added, and says why (V3.4)', async () => {
    const { world, primary, peers, events, content } = worldOf(30, {
      candidates: [{ address: '10.0.0.2:4433' }, { address: '10.0.0.3:4433', pricePerGb: 1 }],
    });
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

/** A directory that knows these servers. */
function directoryOf(records: readonly { readonly addresses: readonly string[]; readonly price?: string }[]) {
  const observed: [string, string][] = [];
  let listeners = 0;
  const chosen = records.map(({ addresses, price }) => ({
    record: { addresses, attributes: new Map(price === undefined ? [] : [['price-per-gb', price]]) },
  }));
  const directory = {
    selectNow: () => ({ chosen }) as unknown as SelectionResult,
    onChange: () => {
      listeners++;
      return () => {
        listeners--;
      };
    },
    observe: (address: string, { kind }: { kind: string }) => void observed.push([address, kind]),
  } as unknown as ServerDirectory;
  return { directory, observed, listeners: () => listeners };
}

describe('a primary that scales', () => {
  test('takes servers that discovery knows, at the price that they say, and tells discovery what came of them', async () => {
    const { directory, observed, listeners } = directoryOf([
      { addresses: ['10.0.0.3:4433'], price: '0.1' },
      { addresses: ['10.0.0.9:4433', '10.0.0.2:4433'], price: 'much' },
    ]);
    const { world, primary, events, content } = worldOf(14, { directory });
    const client = await world.dial(primary.address);
    await world.settle(fetchOnce(world, client, content));
    expect(events[0]).toMatchObject({ kind: 'add', address: '10.0.0.9:4433' });
    expect([events[1]?.kind, events[1]?.reason]).toEqual(['added', events[0]!.reason]);
    expect(client.getActivePaths().map(({ address }) => address)).toContain('10.0.0.2:4433');
    expect(observed[0]).toEqual(['10.0.0.9:4433', 'success']);
    await world.settle(client.close());
    await world.pass(1000);
    expect(listeners()).toBe(0);
  });

  test('does what its client asks for, within its rests and bounds, and tells of it on the diagnostics channel', async () => {
    const { world, primary, peers, events } = worldOf(1, {
      candidates: [{ address: '10.0.0.2:4433' }, { address: '10.0.0.3:4433', pricePerGb: 1 }],
    });
    const steps: ScalingStep[] = [];
    const listener = (step: unknown): void => void steps.push(step as ScalingStep);
    subscribe('kwik:scaling:step', listener);
    try {
      peers[0]!.link.cut();
      const client = await world.dial(primary.address);
      await expect(world.settle(client.requestPaths(-1))).rejects.toMatchObject({
        code: 'ERR_KWIK_LIMIT_EXCEEDED',
        message: 'no path is left that scaling added',
      });
      await expect(world.settle(client.requestPaths(1, 'a film\nbegins'))).rejects.toMatchObject({ scope: 'path' });
      await world.pass(600);
      await world.settle(client.requestPaths(1));
      expect(client.getActivePaths().map(({ address }) => address)).toContain('10.0.0.3:4433');
      await expect(world.settle(client.requestPaths(1))).rejects.toThrow(/^it rests for \d+ ms after the last change$/);
      await world.pass(10_000);
      await world.settle(client.requestPaths(-1, 'it is over'));
      expect(client.getActivePaths()).toHaveLength(1);
      expect(events.map(({ kind }) => kind)).toEqual(['add', 'failed', 'add', 'added', 'remove', 'removed']);
      expect(steps).toMatchObject([
        { step: 'add', result: 'failed', server: '10.0.0.2:4433' },
        { step: 'add', result: 'done', server: '10.0.0.3:4433', reason: 'the client asks for it' },
        { step: 'remove', result: 'done', server: '10.0.0.3:4433', reason: 'the client asks for it: "it is over"' },
      ]);
      expect(steps[0]!.reason).toMatch(/^the client asks for it: "a film\\nbegins"; /);
      await expect(client.requestPaths(2 as 1)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
      await world.settle(client.close());
      await expect(client.requestPaths(1)).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
    } finally {
      unsubscribe('kwik:scaling:step', listener);
    }
  });

  test('is no other: whoever does not scale says so, and so does a server that is asked to ask', async () => {
    const world = new SimulatedWorld(1);
    const server = world.server('10.0.0.1', LINK);
    const client = await world.dial(server.address);
    await expect(world.settle(client.requestPaths(1))).rejects.toMatchObject({ code: 'ERR_KWIK_UNSUPPORTED' });
    await expect(server.sessions[0]!.requestPaths(1)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_STATE' });
  });

  test('adds nothing for a client that claims demand while there is no content', async () => {
    const { world, primary, events } = worldOf(1, { candidates: [{ address: '10.0.0.2:4433' }] });
    const client = await world.dial(primary.address, {}, { features: (session) => [liar(session, world)] });
    await world.pass(60_000);
    expect(events).toEqual([]);
    expect(client.getActivePaths()).toHaveLength(1);
  });
});

/** Says once a second that its first path carries a gigabyte a second, and that it wants ever so much more. */
function liar(session: SessionContext, world: SimulatedWorld): Feature {
  let nextMs = 0;
  return {
    plan: () => {
      const now = world.client.now();
      if (now < nextMs) return nextMs;
      nextMs = now + 1000;
      const value = { pathId: 0, capacityBps: 0n, usedBps: 1_000_000_000n, predictedBps: 2n ** 61n };
      session.controlPath?.send({ $case: 'capacityReport', value });
      return nextMs;
    },
  };
}

import { describe, expect, jest, test } from '@jest/globals';
import { planOfSeed } from './plan/draw-plan.js';
import { ANNOUNCEMENT_KINDS, type AnnouncementKind, type AnnouncementPlan, type Plan } from './plan/plan.js';
import type { Canary } from './rules/canary.js';
import { readArgs } from './run/args.js';
import { runPlan } from './run/run-plan.js';
import { faultOf, planOf } from './test-support/plans.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const CONTENT = { seed: 3, head: 10, size: 300_000, tail: 10, reader: { kind: 'eager' } } as const;

function planWith(
  announcements: readonly AnnouncementPlan[],
  { count = 1, ...more }: Parameters<typeof planOf>[0] & { readonly count?: number } = {},
): Plan {
  return planOf({
    servers: [{}, {}, {}],
    contents: [
      { ...CONTENT, name: 'early', startMs: 2000 },
      { ...CONTENT, name: 'late', startMs: 60_000 },
    ],
    paths: [],
    discovery: { count, deadPrimaries: 1, announcements },
    ...more,
  });
}

function announcement(kind: AnnouncementKind, more: Partial<AnnouncementPlan> = {}): AnnouncementPlan {
  return { kind, atMs: 5000, durationMs: 20_000, server: 1, source: 0, ...more };
}

async function run(plan: Plan, canary?: Canary) {
  const lines: string[] = [];
  const { violation } = await runPlan(plan, { canary, write: (line) => void lines.push(line) });
  const times = (what: string): number => lines.filter((line) => line.includes(what)).length;
  return { violation, times, lines };
}

describe('servers that are found in the simulator', () => {
  test('are dialled by the name of their service, though one is dead, and bring contents', async () => {
    const { violation, times } = await run(planWith([], { count: 2 }));
    expect(violation).toBeUndefined();
    expect(times('server 0 takes 10.0.0.2')).toBe(1);
    expect(times('server 0 takes 10.0.0.3')).toBe(1);
    expect(times('read: complete')).toBe(2);
  });

  const DIES = {
    servers: [{}, {}, {}, {}],
    count: 2,
    // Each of the others, one after the other, when all else is long forgotten.
    faults: [1, 2, 3].map((target) =>
      faultOf({ kind: 'crash', atMs: 60_000 + 60_000 * target, durationMs: 30_000, target }),
    ),
  };

  test('take the places of those that are lost', async () => {
    const { violation, times } = await run(planWith([], DIES));
    expect(violation).toBeUndefined();
    expect(times('server 0 takes 10.0.0.')).toBeGreaterThanOrEqual(4);
  });

  test('and a primary that looks for no others is seen', async () => {
    expect((await run(planWith([], DIES), 'deaf')).violation?.rule).toBe('lost paths are replaced');
  });

  test.each([['drain'], ['incapable'], ['absent'], ['refused']] as const)(
    'are not taken while it is so: %s; and are afterwards',
    async (kind) => {
      const early = [1, 2].map((server) => announcement(kind, { atMs: 0, server }));
      const { violation, lines } = await run(planWith(early));
      expect(violation).toBeUndefined();
      const taken = lines.filter((line) => line.includes('server 0 takes'));
      expect(taken).toHaveLength(1);
      expect(Number.parseFloat(taken[0]!)).toBeGreaterThan(20_000);
    },
  );

  test('may come and go, lie about their load, and have sources that fail or fall silent', async () => {
    const { violation } = await run(
      planWith([
        announcement('flap'),
        announcement('lie', { server: 2 }),
        announcement('fail', { durationMs: 10_000 }),
        announcement('silent', { source: 1, atMs: 20_000, durationMs: 10_000 }),
      ]),
    );
    expect(violation).toBeUndefined();
  });

  test('whose paths die at once are asked again after waits that double', async () => {
    // In each connection after the first, it does so at once.
    const evil = [{ atMs: 1000, kind: 'huge-length' as const }];
    const { violation, times } = await run(planWith([], { servers: [{}, { evil }] }));
    expect(violation).toBeUndefined();
    expect(times('server 0 takes')).toBeGreaterThan(1);
    expect(times('server 0 takes')).toBeLessThan(12);
  });
});

describe('announcements of those who may not', () => {
  const FORGERIES = ['stranger', 'forge', 'unsigned', 'alter', 'replay', 'stale'] as const;

  test.each(FORGERIES)('change nothing: %s', async (kind) => {
    const forged = [0, 1, 2].map((server) => announcement(kind, { server, source: server % 2 }));
    const plan = planWith(forged, { faults: [faultOf({ kind: 'crash', atMs: 10_000, durationMs: 5000, target: 1 })] });
    expect((await run(plan)).violation).toBeUndefined();
    // And whoever believes them is seen.
    expect((await run(plan, 'trusting')).violation?.rule).toBe(
      'a forged, replayed or stale announcement changes nothing',
    );
  });
});

test('seeds have all that can be announced, and the same seed does the same', async () => {
  const plans = Array.from({ length: 60 }, (_, seed) => planOfSeed(seed, 'discovery'));
  const kinds = new Set(plans.flatMap(({ discovery }) => discovery!.announcements.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual([...ANNOUNCEMENT_KINDS].sort());
  expect(readArgs(['--seed', '3', '--discovery', '--canary', 'deaf'])).toMatchObject({
    kind: 'discovery',
    canary: 'deaf',
  });
  const results = [await runPlan(plans[7]!), await runPlan(plans[7]!)];
  expect(results[1]).toEqual(results[0]);
  expect(results[0]!.violation).toBeUndefined();
});

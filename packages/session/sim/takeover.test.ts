import { describe, expect, jest, test } from '@jest/globals';
import { planOfSeed } from './plan/draw-plan.js';
import type { Plan, TakeoverPlan } from './plan/plan.js';
import { READER_CANARIES } from './rules/canary.js';
import { readArgs } from './run/args.js';
import { runPlan } from './run/run-plan.js';
import { directionOf, faultOf, planOf, streamOf } from './test-support/plans.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

/** Slow enough that content is under way when the primary is killed. */
const SLOW = { shape: { both: { rateBitsPerSecond: 2e6, delayMs: 10, queueBytes: 60_000 } } };

function planWith(takeover: TakeoverPlan, more: Partial<Omit<Plan, 'servers'>> = {}): Plan {
  const content = { startMs: 2500, seed: 3, head: 0, size: 500_000, tail: 0, reader: { kind: 'eager' } } as const;
  return planOf({
    servers: [SLOW, SLOW],
    contents: [
      { ...content, name: 'one' },
      { ...content, name: 'two', seed: 4, startMs: 6000 },
    ],
    streams: [streamOf('echo', { startMs: 2900, forward: directionOf(20_000, { pauseMs: 20 }) })],
    paths: [],
    takeover,
    ...more,
  });
}

async function run(plan: Plan, canary?: 'flip' | 'repeat' | 'lose') {
  const lines: string[] = [];
  const { violation } = await runPlan(plan, { canary, write: (line) => void lines.push(line) });
  return { violation, said: (what: string) => lines.filter((line) => line.includes(what)).length };
}

const KILL = { afterMs: 3000, restartMs: 1000 };

describe('a primary that is killed in the simulator', () => {
  test('is followed by its standby, and that by the first one, which knows nothing of it', async () => {
    const { violation, said } = await run(planWith({ fleet: 2, kills: [KILL, KILL], all: false }));
    expect(violation).toBeUndefined();
    expect(said('took the session over from')).toBe(2);
    expect(said('is started again')).toBe(2);
  });

  test('with all others of its fleet, ends the session clearly', async () => {
    const { violation, said } = await run(planWith({ fleet: 2, kills: [KILL], all: true }));
    expect(violation).toBeUndefined();
    expect(said('took the session over from')).toBe(0);
    expect(said('client: closed by error')).toBe(1);
  });

  test('is not needed for that: one that is cut off for a while is left as well', async () => {
    const faults = [faultOf({ kind: 'cut', atMs: 3000, durationMs: 5000 })];
    const { violation, said } = await run(planWith({ fleet: 2, kills: [], all: false }, { faults, streams: [] }));
    expect(violation).toBeUndefined();
    expect(said('took the session over from')).toBe(1);
  });

  test.each(READER_CANARIES)('does not hide a bug that is planted behind all checks: %s', async (canary) => {
    const { violation } = await run(planWith({ fleet: 2, kills: [KILL], all: false }), canary);
    expect(['bytes are exact, once and in order', 'a stream ends at its end']).toContain(violation?.rule);
  });

  test('and a session that ends although a standby is there is seen', async () => {
    // Nobody can reach it, for longer than a ticket lives, and the plan that the rules read does not say that all are dead.
    const faults = [faultOf({ kind: 'cut', atMs: 2000, durationMs: 120_000, target: 1 })];
    const never = { afterMs: 3000, restartMs: 150_000 };
    const { violation } = await run(planWith({ fleet: 2, kills: [never], all: false }, { faults }));
    expect(violation?.rule).toBe('sessions live');
  });
});

test('seeds have kills, of one server and of all, and the same seed does the same', async () => {
  const plans = Array.from({ length: 60 }, (_, seed) => planOfSeed(seed, 'takeover').takeover!);
  expect(plans.some(({ kills }) => kills.length === 0)).toBe(true);
  expect(plans.some(({ kills, all }) => kills.length > 1 && !all)).toBe(true);
  expect(plans.some(({ all }) => all)).toBe(true);
  expect(readArgs(['--seed', '3', '--takeover'])).toMatchObject({ kind: 'takeover' });
  const results = [await runPlan(planOfSeed(59, 'takeover')), await runPlan(planOfSeed(59, 'takeover'))];
  expect(results[1]).toEqual(results[0]);
  expect(results[0]!.violation).toBeUndefined();
});

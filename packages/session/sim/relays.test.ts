import { describe, expect, jest, test } from '@jest/globals';
import { drawPlan } from './plan/draw-plan.js';
import { RELAY_FAULT_KINDS, type RelayFault } from './plan/plan.js';
import { runPlan } from './run/run-plan.js';
import { directionOf, planOf, streamOf } from './test-support/plans.js';

jest.setTimeout(60_000);

const SHAPE = { both: { rateBitsPerSecond: 1e7, delayMs: 10, queueBytes: 60_000 } };

/** Much to be sent both ways over two paths, one of them through a relay that does this. */
async function runWith(faults: readonly RelayFault[], relays = 1) {
  const both = directionOf(600_000);
  const indices = Array.from({ length: relays }, (_, index) => index + 1);
  const plan = planOf({
    servers: [{ shape: SHAPE }, ...indices.map(() => ({ shape: SHAPE }))],
    streams: [streamOf('stream', { forward: both, backward: both }), streamOf('later', { startMs: 3000 })],
    clientRouting: 'distributed',
    serverRouting: 'distributed',
    relays: indices.map((server) => ({ server, shape: SHAPE, faults: server === 1 ? faults : [] })),
  });
  const lines: string[] = [];
  const { violation } = await runPlan(plan, { write: (line) => void lines.push(line) });
  return { violation, lines, states: (id: number) => lines.filter((line) => line.includes(`client: path ${id} `)) };
}

/** Of the path through the relay to which path 1 leads. */
const RELAYED = 131_073;

describe('a relay', () => {
  test('gives the session a further path to its primary', async () => {
    const { violation, states } = await runWith([]);
    expect(violation).toBeUndefined();
    expect(states(RELAYED).map((line) => / (\w+) *$/u.exec(line)?.[1])).toEqual(
      expect.arrayContaining(['connecting', 'active']),
    );
  });

  test.each(RELAY_FAULT_KINDS)(
    'that does this to what it should pass on breaks its own path at most: %s',
    async (kind) => {
      const { violation, lines, states } = await runWith([{ kind, atMs: 200, durationMs: 4000, severity: 0.8 }]);
      expect(violation).toBeUndefined();
      expect(lines.some((line) => line.includes(`relay 1: ${kind}`))).toBe(true);
      expect(states(0).filter((line) => line.includes('dead'))).toEqual([]);
    },
  );

  test('that leads to another server gets nobody to talk to that', async () => {
    const { lines, violation } = await runWith([{ kind: 'mislead', atMs: 200, durationMs: 6000, severity: 1 }], 2);
    expect(violation).toBeUndefined();
    // Asked for a path of a session that it does not have, that other server refuses.
    expect(lines.filter((line) => line.includes('server 2: refused a connection')).length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.includes('server 2: session, as primary'))).toEqual([]);
  });
});

test('seeds have relays, and some of those have faults', () => {
  const relays = Array.from({ length: 60 }, (_, seed) => drawPlan(seed).relays ?? []).flat();
  expect(relays.length).toBeGreaterThan(5);
  expect(relays.some(({ faults }) => faults.length > 0)).toBe(true);
});

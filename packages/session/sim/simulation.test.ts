import { describe, expect, jest, test } from '@jest/globals';
import { drawPlan, kindOfSeed, planOfSeed } from './plan/draw-plan.js';
import { readArgs } from './run/args.js';
import { runPlan } from './run/run-plan.js';
import { READER_CANARIES } from './rules/canary.js';
import { directionOf, faultOf, planOf, streamOf } from './test-support/plans.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

/** The other server of a transfer is lost, and an impostor answers in its place. */
const USURPED_SECONDARY = {
  streams: [streamOf('stream', { forward: directionOf(400_000), backward: directionOf(400_000) })],
  contents: [
    {
      ...{ name: 'content', startMs: 0, seed: 3, head: 24, size: 500_000, tail: 0 },
      reader: { kind: 'eager' },
    } as const,
  ],
  faults: [faultOf({ kind: 'usurp', atMs: 150, durationMs: 5000, target: 1 })],
};

describe('the simulator', () => {
  test('does the same under the same seed, to the last line of the trace', async () => {
    for (const seed of [3, 17, 58, 204]) {
      const [one, two] = [await runPlan(drawPlan(seed)), await runPlan(drawPlan(seed))];
      expect(two).toEqual(one);
    }
    expect((await runPlan(drawPlan(3))).digest).not.toBe((await runPlan(drawPlan(4))).digest);
  });

  test('has a primary take on servers by itself, where it is told to, and all rules hold', async () => {
    const lines: string[] = [];
    const { violation } = await runPlan(planOfSeed(3, 'scaling'), { write: (line) => void lines.push(line) });
    expect(violation).toBeUndefined();
    expect(lines.filter((line) => line.includes('scaling: added')).length).toBeGreaterThan(0);
    expect(readArgs(['--seed', '3', '--scaling'])).toMatchObject({ kind: 'scaling' });
  });

  test.each(READER_CANARIES)('sees a bug that is planted behind all checks: %s', async (canary) => {
    const backward = directionOf(20_000);
    const plan = planOf({ streams: [streamOf('stream', { backward })] });
    expect((await runPlan(plan)).violation).toBeUndefined();
    const { violation } = await runPlan(plan, { canary });
    expect(['bytes are exact, once and in order', 'a stream ends at its end']).toContain(violation?.rule);
  });

  test("an impostor in the primary's place is asked, proves nothing, and reads nothing", async () => {
    const plan = planOf({
      // One stream is under way, one is written while the impostor answers.
      streams: [
        streamOf('before', { forward: directionOf(400_000) }),
        streamOf('during', { startMs: 2000, backward: directionOf(20_000) }),
      ],
      faults: [faultOf({ kind: 'usurp', atMs: 150, durationMs: 20_000 })],
    });
    const lines: string[] = [];
    const { violation } = await runPlan(plan, { write: (line) => void lines.push(line) });
    expect(violation).toBeUndefined();
    expect(lines.some((line) => line.includes('an impostor takes a connection'))).toBe(true);
  });

  test("an impostor in a secondary's place is asked for ranges, and reads nothing of the application", async () => {
    // The primary is slow, so that content is still under way when the other server is asked to join again.
    const slow = { shape: { both: { rateBitsPerSecond: 1e6, delayMs: 10, queueBytes: 60_000 } } };
    const plan = planOf({ servers: [slow, {}], ...USURPED_SECONDARY });
    const lines: string[] = [];
    const { violation } = await runPlan(plan, { write: (line) => void lines.push(line) });
    expect(violation).toBeUndefined();
    const taken = lines.findIndex((line) => line.includes('an impostor takes a connection'));
    // Nobody could tell it from the server.
    expect(lines.slice(taken).some((line) => line.includes('path 1 active'))).toBe(true);
  });

  test.each([
    ['the primary', [{}], { kind: 'usurp', atMs: 150, durationMs: 20_000 }],
    ['a secondary', [{}, {}], { kind: 'usurp', atMs: 150, durationMs: 5000, target: 1 }],
  ] as const)('sees a leak to an impostor of %s that is planted in the client', async (_place, servers, fault) => {
    const plan = planOf({ servers, streams: USURPED_SECONDARY.streams, faults: [faultOf(fault)] });
    expect((await runPlan(plan)).violation).toBeUndefined();
    expect((await runPlan(plan, { canary: 'leak' })).violation?.rule).toBe('an impostor reads nothing');
  });

  test.each([
    ['holes', 300, 'send larger pieces'],
    ['windows', 40, undefined],
    ['blocked', 40, undefined],
    ['pings', 40, undefined],
    ['resets', 40, undefined],
  ] as const)(
    'a client that spends the memory of its server by %s disturbs nobody else',
    async (kind, packets, ends) => {
      const both = directionOf(300_000);
      const plan = planOf({
        streams: [streamOf('stream', { forward: both, backward: both }), streamOf('later', { startMs: 2500 })],
        spender: { atMs: 50, kind, packets },
      });
      const lines: string[] = [];
      const { violation } = await runPlan(plan, { write: (line) => void lines.push(line) });
      expect(violation).toBeUndefined();
      expect(lines.some((line) => line.includes('spender: closed'))).toBe(true);
      const told = lines.filter((line) => line.includes('spender:')).join();
      if (ends !== undefined) expect(told).toContain(ends);
    },
  );

  test('sees a session that ends although no fault explains it', async () => {
    const plan = planOf({
      streams: [streamOf('stream', { startMs: 5000 })],
      // The primary's process dies, and the plan that the rules read does not say so.
      faults: [faultOf({ kind: 'crash', atMs: 1000 })],
    });
    expect((await runPlan(plan)).violation).toBeUndefined();
    const innocent = { ...plan, faults: [faultOf({ kind: 'cut', atMs: 1000, durationMs: 60_000 })] };
    expect((await runPlan(innocent)).violation?.rule).toBe('what nothing disturbs completes');
  });
});

describe('the command line', () => {
  test('takes one seed or many', () => {
    expect(readArgs(['--seed', '7'])).toMatchObject({ from: 7, count: 1, verbose: true, canary: undefined });
    expect(readArgs(['--seeds', '20', '--from', '5'])).toMatchObject({ from: 5, count: 20, verbose: false });
    expect(readArgs(['--minutes', '30', '--all', '--from', '7'])).toMatchObject({ from: 7, minutes: 30, kind: 'all' });
    expect(readArgs(['--seeds', '20', '--minutes', '1'])).toMatchObject({ count: 20, minutes: 1, verbose: false });
    expect([4, 5, 6, 7].map((seed) => kindOfSeed(seed, 'all'))).toEqual(['work', 'scaling', 'takeover', 'discovery']);
    expect(readArgs(['--', '--seeds', '2', '--canary'])).toMatchObject({ count: 2, canary: 'flip' });
  });

  test.each([
    [[], 'give either --seed or --seeds'],
    [['--seed', '1', '--seeds', '2'], 'give either --seed or --seeds'],
    [['--seed', '1', '--minutes', '2'], 'give either --seed or --seeds'],
    [['--seed', 'x'], '--seed takes a whole number from 0, not "x"'],
    [['--seeds', '0'], '--seeds takes a whole number from 1, not "0"'],
    [['--seed', '1', '--from', '2'], '--from goes with --seeds'],
    [['--seed', '1', '--scaling', '--takeover'], 'give one of --scaling, --takeover, --discovery, --all'],
    [['--seed', '1', '--canary', 'tweety'], '--canary is one of flip, repeat, lose, leak, trusting, deaf'],
  ])('says what is wrong with %j', (args, message) => {
    expect(readArgs(args)).toBe(message);
  });

  test('does not know other options', () => {
    expect(readArgs(['--sneed', '1'])).toMatch(/--sneed/);
  });
});

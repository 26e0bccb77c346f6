import { describe, expect, test } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { CALM_MS } from './overload/overload-policy.js';
import { PolicyEngine } from './policy-engine.js';
import type { PolicyDecision } from './policy-decision.js';
import { givenBy, POLICY_STEPS } from './policy-steps.js';
import type { ScalingCandidate } from './scaling/candidates.js';
import type { SessionPolicy } from './session-policy.js';
import { NOTHING_SHORT } from './shortage.js';

const EACH = 2.5e6;
const NO_PROCESS = { heapBytes: 0, heapLimitBytes: 0, residentBytes: 0 };
const CALM = { memory: 0, eventLoop: 0, connections: 0, heap: 0, resident: 0 };

/** One end on virtual time, with one session whose paths carry 2.5 MB/s each, and all that it published. */
class World {
  readonly published: PolicyDecision[] = [];
  readonly due: number[] = [];
  readonly engine = new PolicyEngine({
    name: 'the server',
    random: () => 0.5,
    publish: (decision) => void this.published.push(decision),
    onDue: (atMs) => void this.due.push(atMs),
  });
  readonly session: SessionPolicy = this.engine.session('s1');
  now = 0;

  press(memory: number, ms = 250): void {
    this.now += ms;
    this.engine.look({ pressures: { ...CALM, memory }, process: NO_PROCESS }, this.now);
  }

  path(id: number, state: 'active' | 'degraded' | 'dead'): boolean {
    return this.session.onPath({ id: toPathId(id), address: `p${id}:1`, state }, this.now);
  }

  dial(address: string, outcome: 'reached' | 'unreachable'): void {
    const { dials } = this.engine;
    dials.end(dials.begin({ address, again: false }, this.now), outcome, this.now);
  }

  scaling(candidates: readonly ScalingCandidate[], rates: Readonly<Record<string, number>> = {}): Scaled {
    return new Scaled(this, candidates, rates);
  }
}

/** The paths of the session, as scaling changes them. */
class Scaled {
  readonly rules: ReturnType<SessionPolicy['scaling']>;
  readonly #paths = new Map([[0, { address: 'primary:1', carriedBytes: 0 }]]);
  #next = 1;

  constructor(
    readonly world: World,
    candidates: readonly ScalingCandidate[],
    readonly rates: Readonly<Record<string, number>>,
  ) {
    this.rules = world.session.scaling({ candidates, maxPaths: 4 });
  }

  get measured() {
    return [...this.#paths].map(([id, path]) => ({ id, ...path }));
  }

  /** `demand`: of what one path carries. */
  run(seconds: number, demand: number, fails = false): void {
    for (let second = 0; second < seconds; second++) {
      this.world.now += 1000;
      const capacity = this.measured.reduce((sum, { address }) => sum + (this.rates[address] ?? EACH), 0);
      const share = Math.min(1, (demand * EACH) / capacity);
      for (const path of this.#paths.values()) path.carriedBytes += share * (this.rates[path.address] ?? EACH);
      const unmetBytesPerSecond = Math.max(0, demand * EACH - capacity);
      const action = this.rules.tick({ paths: this.measured, unmetBytesPerSecond }, this.world.now, this.world.now);
      this.do(action, fails);
    }
  }

  do(action: ReturnType<Scaled['rules']['tick']>, fails = false): void {
    if (action.kind === 'keep') return;
    if (fails) return this.rules.failed('nobody answered', this.world.now);
    if (action.kind === 'remove') {
      this.#paths.delete(action.pathId);
      return this.rules.removed(action.pathId, this.world.now);
    }
    this.#paths.set(this.#next, { address: action.candidate.address, carriedBytes: 0 });
    this.rules.added(this.#next++, this.world.now);
  }

  lose(id: number): void {
    const { address } = this.#paths.get(id)!;
    this.#paths.delete(id);
    this.rules.lost(id, address, 'it went silent', this.world.now);
  }
}

/** What is decided, what brings it about, and the bound that it names. Each row is one decision. */
const DECISIONS: readonly (readonly [
  what: string,
  decision: Partial<PolicyDecision>,
  bound: string,
  limit: number,
  before: (world: World) => unknown,
  then: (world: World, before: never) => void,
])[] = [
  ...POLICY_STEPS.map(({ action, from }, index) => {
    const before = POLICY_STEPS[index - 1]?.from ?? 0;
    return [
      `${action} is taken`,
      { decider: 'overload', step: 'degrade', of: 'process' },
      `${action} from`,
      from,
      (world: World) => world.press(before),
      (world: World) => world.press(from),
    ] as const;
  }),
  ...POLICY_STEPS.map(({ action, from, below }) => {
    return [
      `${action} is taken back`,
      { decider: 'overload', step: 'restore', of: 'process' },
      `${action} below`,
      below,
      (world: World) => (world.press(from), world.press(below - 0.01)),
      (world: World) => world.press(below - 0.01, CALM_MS),
    ] as const;
  }),
  [
    'a path is lost',
    { decider: 'service', step: 'degrade', of: 'session', session: 's1' },
    'paths that carry data',
    2,
    (world) => (world.path(0, 'active'), world.path(1, 'active')),
    (world) => world.path(1, 'dead'),
  ],
  [
    'a path is back',
    { decider: 'service', step: 'restore', of: 'session', session: 's1' },
    'paths that carry data',
    2,
    (world) => (world.path(0, 'active'), world.path(1, 'active'), world.path(1, 'dead')),
    (world) => world.path(1, 'active'),
  ],
  [
    'a path loses much',
    { decider: 'service', step: 'degrade', of: 'session', session: 's1' },
    'paths in good health',
    1,
    (world) => world.path(0, 'active'),
    (world) => world.path(0, 'degraded'),
  ],
  [
    'the end of the session is short of something',
    { decider: 'service', step: 'degrade', of: 'session', session: 's1' },
    'lessReadAhead from',
    0.7,
    (world) => (world.path(0, 'active'), world.press(0.71)),
    (world) => world.session.onLimits(world.engine.shortage.limits, world.now),
  ],
  [
    'demand is high',
    { decider: 'scaling', step: 'add', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'high share of capacity',
    0.8,
    (world) => world.scaling([{ address: 'a:1' }]),
    (_world, scaled: Scaled) => scaled.run(5, 1.5),
  ],
  [
    'a server cannot be added',
    { decider: 'scaling', step: 'add', result: 'failed', of: 'session', session: 's1', server: 'a:1' },
    'high share of capacity',
    0.8,
    (world) => world.scaling([{ address: 'a:1' }]),
    (_world, scaled: Scaled) => scaled.run(5, 1.5, true),
  ],
  [
    'demand is low',
    { decider: 'scaling', step: 'remove', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'low share of capacity',
    0.3,
    (world) => grown(world.scaling([{ address: 'a:1' }])),
    (_world, scaled: Scaled) => scaled.run(600, 0.1),
  ],
  [
    'an added server brings nothing',
    { decider: 'scaling', step: 'remove', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'share that a path on trial carries',
    0.02,
    (world) => grown(world.scaling([{ address: 'a:1' }], { 'a:1': 1 })),
    (_world, scaled: Scaled) => scaled.run(30, 1.5),
  ],
  [
    'a server has sent what it may',
    { decider: 'scaling', step: 'remove', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'bytes of a server in a month',
    1e7,
    (world) => grown(world.scaling([{ address: 'a:1', monthlyCapBytes: 1e7 }])),
    (_world, scaled: Scaled) => scaled.run(10, 1.5),
  ],
  [
    'the client asks for a path',
    { decider: 'scaling', step: 'add', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'paths of the session',
    4,
    (world) => world.scaling([{ address: 'a:1' }]),
    (world, scaled: Scaled) => scaled.do(scaled.rules.ask(1, 'a film begins', scaled.measured, world.now, world.now)),
  ],
  [
    'the client asks for a path less',
    { decider: 'scaling', step: 'remove', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'paths of the session',
    4,
    (world) => {
      const scaled = grown(world.scaling([{ address: 'a:1' }]));
      scaled.run(15, 1);
      return scaled;
    },
    (world, scaled: Scaled) => scaled.do(scaled.rules.ask(-1, 'it is over', scaled.measured, world.now, world.now)),
  ],
  [
    'an added path dies',
    { decider: 'scaling', step: 'degrade', result: 'done', of: 'session', session: 's1', server: 'a:1' },
    'paths that scaling added',
    1,
    (world) => grown(world.scaling([{ address: 'a:1' }])),
    (_world, scaled: Scaled) => scaled.lose(1),
  ],
  [
    'a server does not answer',
    { decider: 'dials', step: 'degrade', of: 'server', server: 'dead:1' },
    'dials in a row that reached nobody',
    5,
    () => undefined,
    (world) => {
      for (let dial = 0; dial < 5; dial++) world.dial('dead:1', 'unreachable');
    },
  ],
  [
    'it answers again',
    { decider: 'dials', step: 'restore', of: 'server', server: 'dead:1' },
    'dials that were answered',
    1,
    (world) => {
      for (let dial = 0; dial < 5; dial++) world.dial('dead:1', 'unreachable');
      world.now += 1000;
    },
    (world) => world.dial('dead:1', 'reached'),
  ],
  [
    'no server answers',
    { decider: 'dials', step: 'degrade', of: 'process', server: '' },
    'servers that failed within 5 s',
    3,
    () => undefined,
    (world) => ['a:1', 'b:1', 'c:1', 'd:1'].forEach((address) => world.dial(address, 'unreachable')),
  ],
  [
    'one of them does again',
    { decider: 'dials', step: 'restore', of: 'process', server: '' },
    'dials that were answered',
    1,
    (world) => ['a:1', 'b:1', 'c:1'].forEach((address) => world.dial(address, 'unreachable')),
    (world) => world.dial('a:1', 'reached'),
  ],
];

/** With one path more. */
function grown(scaled: Scaled): Scaled {
  scaled.run(4, 1.5);
  return scaled;
}

/** What holds for every decision. */
function expectWhole(decision: PolicyDecision): void {
  expect(decision).toEqual({
    step: expect.stringMatching(/^(add|remove|degrade|restore)$/u),
    result: expect.stringMatching(/^(done|failed)$/u),
    decider: expect.stringMatching(/^(scaling|overload|service|dials)$/u),
    of: expect.stringMatching(/^(process|session|server)$/u),
    server: expect.any(String),
    session: expect.any(String),
    reason: expect.stringMatching(/\w+ \w+/u),
    bound: { name: expect.stringMatching(/\w/u), limit: expect.any(Number), value: expect.any(Number) },
    figures: expect.any(Object),
    atMs: expect.any(Number),
    count: expect.any(Number),
  });
  const { bound, figures, atMs, count, of, session, server } = decision;
  for (const figure of [bound.limit, bound.value, atMs, count, ...Object.values(figures)]) {
    expect(Number.isFinite(figure)).toBe(true);
  }
  expect(Object.keys(figures)).not.toHaveLength(0);
  if (count === 1)
    expect([of === 'session', of === 'server']).toEqual([session !== '', of !== 'session' && server !== '']);
}

describe('one engine decides, and each decision has a reason, a bound and an event', () => {
  test.each(DECISIONS)('%s', (_what, decision, bound, limit, before, then) => {
    const world = new World();
    const prepared = before(world);
    world.published.splice(0);
    then(world, prepared as never);
    expect(world.published).toHaveLength(1);
    const [published] = world.published;
    expectWhole(published!);
    expect(published).toMatchObject({ ...decision, count: 1, bound: { name: bound, limit: expect.closeTo(limit) } });
    expect(world.engine.decisions.at(-1)).toBe(published);
  });

  test('a value is on the side of its bound that the decision is for', () => {
    const world = new World();
    for (const memory of [0.72, 0.9, 1.5]) world.press(memory);
    for (let second = 0; second < 60; second++) world.press(0.3, 1000);
    expect(world.published).toHaveLength(2 * POLICY_STEPS.length);
    for (const { step, bound } of world.published) {
      expect(step === 'degrade' ? bound.value >= bound.limit : bound.value < bound.limit).toBe(true);
    }
  });

  test('a session that has ended is decided of no more', () => {
    const world = new World();
    world.path(0, 'active');
    const scaled = grown(world.scaling([{ address: 'a:1' }]));
    world.published.splice(0);
    world.session.end();
    world.path(0, 'dead');
    scaled.lose(1);
    expect(world.published).toEqual([]);
  });
});

describe('what is given up', () => {
  test('is more with each step, and never less', () => {
    const less = POLICY_STEPS.map((_, index) => ({ ...NOTHING_SHORT, ...givenBy(POLICY_STEPS.slice(0, index + 1)) }));
    const all = [NOTHING_SHORT, ...less];
    all.slice(1).forEach((after, index) => {
      const before = all[index]!;
      expect(after.readAheadDivisor).toBeGreaterThanOrEqual(before.readAheadDivisor);
      expect(after.paths).toBeLessThanOrEqual(before.paths);
      for (const member of ['copies', 'probing', 'admitsPaths', 'admitsSessions'] as const) {
        expect(Number(after[member])).toBeLessThanOrEqual(Number(before[member]));
      }
      expect(Number(after.endsIdle)).toBeGreaterThanOrEqual(Number(before.endsIdle));
      expect(after).not.toEqual(before);
    });
  });

  test('is told to sessions when it changes: what is only expected is asked of the end itself', () => {
    const world = new World();
    expect(world.session.limits).toBe(world.engine.shortage.limits);
    world.press(0.77);
    expect(world.session.limits).toMatchObject({
      text: 'the server is short of memory',
      probing: false,
      copies: false,
    });
    world.engine.end();
    expect(world.session.limits).toEqual(NOTHING_SHORT);
  });
});

describe('decisions that peers bring about', () => {
  test('are told one by one up to a bound, and the others together, so that each is told once', () => {
    const world = new World();
    const sessions = Array.from({ length: 1000 }, (_, index) => world.engine.session(`s${index}`));
    for (const session of sessions) {
      session.onPath({ id: toPathId(0), address: 'a:1', state: 'active' }, 0);
      session.onPath({ id: toPathId(0), address: 'a:1', state: 'dead' }, 0);
    }
    expect(world.published).toHaveLength(32);
    expect(world.due).toEqual([5000]);
    world.engine.tick(4999);
    expect(world.published).toHaveLength(32);
    world.engine.tick(5000);
    expect(world.published).toHaveLength(33);
    const together = world.published.at(-1)!;
    expectWhole(together);
    expect(together).toMatchObject({ decider: 'service', step: 'degrade', session: '', count: 968 });
    expect(together.bound).toMatchObject({ limit: 32, value: 1000 });
  });

  test('drive nothing else out of those that are kept', () => {
    const world = new World();
    world.press(1);
    for (let second = 0; second < 1000; second++) {
      world.now += 1000;
      for (const state of ['active', 'dead'] as const) world.path(0, state);
    }
    const kept = world.engine.decisions;
    expect(kept).toHaveLength(64);
    expect(kept.filter(({ decider }) => decider === 'overload')).toHaveLength(POLICY_STEPS.length);
    expect(kept.at(-1)).toMatchObject({ decider: 'service', atMs: world.now });
  });
});

test('whoever was given the decisions that are kept changes nothing of them', () => {
  const world = new World();
  world.press(0.7);
  const given = world.engine.decisions as PolicyDecision[];
  given.splice(0);
  expect(world.engine.decisions).toHaveLength(1);
  const before = world.engine.decisions;
  world.press(0.73);
  expect([before.length, world.engine.decisions.length]).toEqual([1, 2]);
});

type Event =
  | { readonly kind: 'look'; readonly pressure: number; readonly ms: number }
  | { readonly kind: 'path'; readonly id: number; readonly state: 'active' | 'degraded' | 'dead' }
  | { readonly kind: 'dial'; readonly address: string; readonly outcome: 'reached' | 'unreachable' }
  | { readonly kind: 'demand'; readonly demand: number; readonly fails: boolean };

const EVENTS: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('look' as const),
      pressure: fc.double({ min: 0, max: 1.2, noNaN: true }),
      ms: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  fc.record({
    kind: fc.constant('path' as const),
    id: fc.integer({ min: 0, max: 3 }),
    state: fc.constantFrom('active', 'degraded', 'dead'),
  }),
  fc.record({
    kind: fc.constant('dial' as const),
    address: fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1'),
    outcome: fc.constantFrom('reached', 'unreachable'),
  }),
  fc.record({
    kind: fc.constant('demand' as const),
    demand: fc.double({ min: 0, max: 6, noNaN: true }),
    fails: fc.boolean(),
  }),
);

test('whatever comes: no decision lacks anything, the order is that of the table, and nothing turns around within its gap', () => {
  fc.assert(
    fc.property(fc.array(EVENTS, { maxLength: 150 }), (events) => {
      const world = new World();
      const scaled = world.scaling([{ address: 'x:1' }, { address: 'y:1' }]);
      const looks: { readonly atMs: number; readonly pressure: number }[] = [];
      let served = 0;
      let level = 0;
      for (const event of events) {
        const seen = world.published.length;
        if (event.kind === 'path') served += Number(world.path(event.id, event.state));
        else if (event.kind === 'dial') world.dial(event.address, event.outcome);
        else if (event.kind === 'demand') scaled.run(3, event.demand, event.fails);
        else {
          world.press(event.pressure, event.ms);
          looks.push({ atMs: world.now, pressure: event.pressure });
          served += Number(world.session.onLimits(world.engine.shortage.limits, world.now));
        }
        for (const decision of world.published.slice(seen)) {
          if (decision.decider === 'overload') level = expectInOrder(decision, level, looks);
        }
        expect([world.engine.level, world.engine.shortage.limits]).toMatchObject([
          level,
          {
            ...NOTHING_SHORT,
            ...givenBy(POLICY_STEPS.slice(0, level)),
            text: level === 0 ? undefined : expect.any(String),
            bound: level === 0 ? undefined : expect.any(Object),
          },
        ]);
      }
      world.engine.tick(world.now + 60_000);
      world.published.forEach(expectWhole);
      const told = world.published.filter(({ decider }) => decider === 'service');
      expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(served);
    }),
  );
});

/** A step is taken when it is the next and its bound is met, and taken back when it is the last, after a while below its own. */
function expectInOrder(
  { step, bound, atMs }: PolicyDecision,
  level: number,
  looks: readonly { readonly atMs: number; readonly pressure: number }[],
): number {
  if (step === 'degrade') {
    const { action, from } = POLICY_STEPS[level]!;
    expect(bound).toEqual({ name: `${action} from`, limit: from, value: looks.at(-1)!.pressure });
    expect(bound.value).toBeGreaterThanOrEqual(from);
    return level + 1;
  }
  const { action, below } = POLICY_STEPS[level - 1]!;
  expect(bound).toEqual({ name: `${action} below`, limit: below, value: looks.at(-1)!.pressure });
  const late = looks.filter((look) => look.atMs > atMs - CALM_MS);
  expect(late.every(({ pressure }) => pressure < below)).toBe(true);
  return level - 1;
}

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Decision, PathSnapshot, ScheduleRequest } from '@kwik/wire';
import type { SchedulerFactory } from '../registry.js';
import { arbitraryPaths, arbitraryRequest, request, snapshot } from './snapshots.js';

/** No wait is longer, and none is shorter than a timer can tell. */
const LONGEST_WAIT_MS = 50;
/** Repeated waits end when any path that does not carry the bytes yet could have taken them for so long. */
const LONGEST_HESITATION_MS = 2000;

interface Ask {
  readonly request: ScheduleRequest;
  readonly paths: readonly PathSnapshot[];
  readonly afterMs: number;
}

const arbitraryAsk: fc.Arbitrary<Ask> = arbitraryPaths.chain((paths) =>
  fc.record({
    request: arbitraryRequest(paths),
    paths: fc.constant(paths),
    afterMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true }), fc.integer({ min: 0, max: 5000 })),
  }),
);
const arbitraryAsks = fc.array(arbitraryAsk, { minLength: 1, maxLength: 20 });

/** What every scheduler must do, whatever its policy. Call it in the test file of each. */
export function describeSchedulerContract(name: string, factory: SchedulerFactory): void {
  describe(`${name} keeps the contract of a scheduler`, () => {
    test('has a name', () => expect(factory().name).toMatch(/^[a-z][a-z0-9-]*$/));
    test('decides only what the paths allow, whatever the history', () => checkEveryDecision(factory));
    test('gives the same decisions for the same history', () => checkDeterminism(factory));
    test('does not depend on the order of the paths', () => checkOrder(factory));
    test('changes nothing that it is given', () => checkPurity(factory));
    test('repeated waits end when a path can send', () => checkProgress(factory));
    test('keeps nothing of what it is given: snapshots may be written over after the call', () => checkReuse(factory));
    test('never waits where every path can send', () => checkNoIdleWait(factory));
    test('sends at once where the only path can', () => checkSinglePath(factory));
    test('keeps off a suspected path while a healthy one can send', () => checkSuspected(factory));
  });
}

function checkEveryDecision(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      for (const [ask, decision, now] of run(factory, asks)) checkDecision(ask, decision, now);
    }),
    { numRuns: 150 },
  );
}

function checkDecision(ask: Ask, decision: Decision, now: number): void {
  if (decision.kind === 'wait') {
    expect(decision.untilMs).toBeGreaterThan(now);
    expect(decision.untilMs).toBeLessThanOrEqual(now + LONGEST_WAIT_MS);
    return;
  }
  expect(decision.maxBytes).toBeGreaterThanOrEqual(1);
  expect(Number.isInteger(decision.maxBytes)).toBe(true);
  expect(decision.maxBytes).toBeLessThanOrEqual(ask.request.pendingBytes);
  const targets = [decision.pathId, ...decision.duplicates];
  expect(new Set(targets).size).toBe(targets.length);
  for (const id of targets) {
    const path = ask.paths.find((candidate) => candidate.id === id);
    expect(path).toBeDefined();
    if (path === undefined) continue;
    expect(path.sendableBytes).toBeGreaterThanOrEqual(path.datagramBytes);
    expect(decision.maxBytes).toBeLessThanOrEqual(path.sendableBytes);
    if (ask.request.exclude.includes(id)) {
      expect(ask.paths.every((candidate) => ask.request.exclude.includes(candidate.id))).toBe(true);
    }
  }
}

function checkDeterminism(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      expect(decisions(factory, asks)).toEqual(decisions(factory, asks));
    }),
  );
}

function checkOrder(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      const reversed = asks.map((ask) => ({ ...ask, paths: [...ask.paths].reverse() }));
      expect(decisions(factory, reversed)).toEqual(decisions(factory, asks));
    }),
  );
}

function checkPurity(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      const frozen = asks.map((ask) => ({
        ...ask,
        request: Object.freeze({ ...ask.request, exclude: Object.freeze([...ask.request.exclude]) }),
        paths: Object.freeze(ask.paths.map((path) => Object.freeze({ ...path }))),
      }));
      expect(decisions(factory, frozen)).toEqual(decisions(factory, asks));
    }),
  );
}

/** A session fills the same objects anew for each decision: nothing of an earlier one may reach a later one. */
function checkReuse(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      const scheduler = factory();
      const pool = new Map<PathSnapshot['id'], PathSnapshot>();
      let now = 1000;
      const reused = asks.map((ask) => {
        now += ask.afterMs;
        const paths = ask.paths.map((path) => {
          const object = pool.get(path.id) ?? { ...path };
          pool.set(path.id, object);
          return Object.assign(object, path);
        });
        return structuredClone(scheduler.select(ask.request, paths, now));
      });
      expect(reused).toEqual(decisions(factory, asks));
    }),
  );
}

/** There is nothing to wait for: so a session may as well list only the paths that have room (late binding). */
function checkNoIdleWait(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, (asks) => {
      const able = asks.map((ask) => ({
        ...ask,
        paths: ask.paths.map((path) => ({ ...path, sendableBytes: Math.max(path.sendableBytes, path.datagramBytes) })),
      }));
      for (const [, decision] of run(factory, able)) expect(decision.kind).toBe('send');
    }),
  );
}

function checkProgress(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryAsks, arbitraryAsk, (history, ask) => {
      const fresh = ask.paths.filter((path) => !ask.request.exclude.includes(path.id));
      fc.pre((fresh.length > 0 ? fresh : ask.paths).some((path) => path.sendableBytes >= path.datagramBytes));
      const scheduler = factory();
      let now = 0;
      for (const earlier of history) scheduler.select(earlier.request, earlier.paths, (now += earlier.afterMs));
      const startMs = now;
      let decision = scheduler.select(ask.request, ask.paths, now);
      while (decision.kind === 'wait') {
        now = decision.untilMs;
        expect(now - startMs).toBeLessThanOrEqual(LONGEST_HESITATION_MS);
        decision = scheduler.select(ask.request, ask.paths, now);
      }
    }),
  );
}

function checkSinglePath(factory: SchedulerFactory): void {
  fc.assert(
    fc.property(arbitraryPaths, fc.integer({ min: 1, max: 1_000_000 }), (paths, pendingBytes) => {
      const path = { ...(paths[0] as PathSnapshot) };
      fc.pre(path.sendableBytes >= path.datagramBytes);
      expect(factory().select(request({ pendingBytes }), [path], 7)).toMatchObject({ kind: 'send', pathId: path.id });
    }),
  );
}

function checkSuspected(factory: SchedulerFactory): void {
  const scheduler = factory();
  const paths = [
    snapshot(0, { rttMs: 1, state: 'suspected', deliveryRateBytesPerSecond: 1e8, weight: 9 }),
    snapshot(1),
  ];
  for (let now = 0; now < 20; now++) expect(scheduler.select(request(), paths, now)).toMatchObject({ pathId: 1 });
}

function run(factory: SchedulerFactory, asks: readonly Ask[]): [Ask, Decision, number][] {
  const scheduler = factory();
  let now = 1000;
  return asks.map((ask) => {
    now += ask.afterMs;
    return [ask, scheduler.select(ask.request, ask.paths, now), now];
  });
}

function decisions(factory: SchedulerFactory, asks: readonly Ask[]): Decision[] {
  return run(factory, asks).map(([, decision]) => decision);
}

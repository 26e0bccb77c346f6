import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LoopDelay } from './loop-delay.js';
import { POLICY_STEPS, type OverloadAction } from '../policy-steps.js';
import { CALM_MS, OverloadPolicy, type OverloadChange, type OverloadResource } from './overload-policy.js';
import { retryAfterMs } from './retry-after.js';

const NONE = { memory: 0, eventLoop: 0, connections: 0, heap: 0, resident: 0 };
const memory = (share: number) => ({ ...NONE, memory: share });

/** A step that is taken, as the policy tells it. */
function taken(action: OverloadAction, limit: number, resource: OverloadResource, pressure: number): OverloadChange {
  return { action, on: true, resource, pressure, bound: { name: `${action} from`, limit, value: pressure } };
}

describe('steps against overload', () => {
  test('are taken at once, in their order, for what is scarcest', () => {
    const policy = new OverloadPolicy();
    expect(policy.update({ ...memory(0.5), eventLoop: 0.69 }, 0)).toEqual([]);
    expect(policy.update({ ...memory(0.5), eventLoop: 0.9 }, 1)).toEqual([
      taken('lessReadAhead', 0.7, 'eventLoop', 0.9),
      taken('noCopies', 0.73, 'eventLoop', 0.9),
      taken('noProbing', 0.76, 'eventLoop', 0.9),
      taken('fewerPaths', 0.79, 'eventLoop', 0.9),
      taken('singlePath', 0.82, 'eventLoop', 0.9),
      taken('refuseSessions', 0.85, 'eventLoop', 0.9),
    ]);
    expect(policy.taken.map(({ action }) => action)).toEqual(POLICY_STEPS.slice(0, 6).map(({ action }) => action));
    expect([policy.level, policy.taken.at(-1)!.action]).toEqual([6, 'refuseSessions']);
    expect(policy.update(memory(7), 2)).toEqual([taken('endIdleSessions', 0.95, 'memory', 7)]);
  });

  test('are taken back one by one, each after a while of calm', () => {
    const policy = new OverloadPolicy();
    policy.update(memory(1), 0);
    expect(policy.update(memory(0.1), 1000)).toEqual([]);
    expect(policy.update(memory(0.1), 999 + CALM_MS)).toEqual([]);
    const back: string[] = [];
    for (let now = 1000 + CALM_MS; policy.level > 0; now += CALM_MS) {
      const changes = policy.update(memory(0.1), now);
      expect(changes).toHaveLength(1);
      back.push(changes[0]!.action);
    }
    expect(back).toEqual(POLICY_STEPS.map(({ action }) => action).reverse());
    expect(back).toHaveLength(7);
  });

  test('stay while the pressure is between the two bounds, and calm begins anew after it', () => {
    const policy = new OverloadPolicy();
    policy.update(memory(0.86), 0);
    for (let now = 0; now < 20 * CALM_MS; now += 100) expect(policy.update(memory(0.8), now)).toEqual([]);
    policy.update(memory(0.7), 100_000);
    policy.update(memory(0.8), 100_000 + CALM_MS - 1);
    policy.update(memory(0.7), 100_000 + CALM_MS);
    expect(policy.update(memory(0.7), 100_000 + 2 * CALM_MS - 1)).toEqual([]);
    expect(policy.update(memory(0.7), 100_000 + 2 * CALM_MS)).toMatchObject([{ action: 'refuseSessions', on: false }]);
  });

  test('do not turn around while the pressure swings within a step', () => {
    const policy = new OverloadPolicy();
    let changes = 0;
    // What is drained for a step may take as much as a tenth of the budget with it, and come back.
    for (let now = 0; now < 300_000; now += 250) {
      changes += policy.update(memory(Math.floor(now / 5000) % 2 === 0 ? 0.84 : 0.75), now).length;
    }
    expect([policy.level, changes]).toEqual([5, 5]);
  });

  test('whatever the pressure: in order, never two back at once, none without a cause', () => {
    const pressures = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(pressures, (all) => {
        const policy = new OverloadPolicy();
        all.forEach((pressure, index) => {
          const before = policy.level;
          const changes = policy.update(memory(pressure), index * 500);
          const least = POLICY_STEPS.filter(({ from }) => pressure >= from).length;
          expect(policy.level).toBeGreaterThanOrEqual(Math.max(least, before - 1));
          if (policy.level > before) expect(policy.level).toBe(least);
          expect(changes).toHaveLength(Math.abs(policy.level - before));
        });
      }),
    );
  });

  test('a pressure that is no number is none', () => {
    expect(new OverloadPolicy().update({ ...memory(Number.NaN), heap: Number.NaN }, 0)).toEqual([]);
  });
});

test('the event loop is late when it is late again and again', () => {
  const delay = new LoopDelay();
  delay.onLook(0, 5000);
  delay.onLook(5250, 5250);
  expect(delay.lastingMs).toBe(0);
  for (const late of [300, 200, 400]) delay.onLook(0, late);
  expect(delay.lastingMs).toBe(200);
  delay.onLook(500, 400);
  expect(delay.lastingMs).toBe(0);
});

test('clients that are refused come back later the longer it lasts, and not all at once', () => {
  expect([retryAfterMs(0, 0.5), retryAfterMs(10_000, 0), retryAfterMs(10_000, 0.99)]).toEqual([2000, 5000, 14_900]);
  expect(retryAfterMs(Number.MAX_VALUE, 0.999)).toBeLessThanOrEqual(45_000);
});

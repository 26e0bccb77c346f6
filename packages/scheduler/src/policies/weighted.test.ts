import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PathSnapshot, Scheduler } from '@kwik/wire';
import { describeSchedulerContract } from '../test-support/contract.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createWeightedScheduler } from './weighted.js';

describeSchedulerContract('weighted', createWeightedScheduler);

function share(scheduler: Scheduler, paths: readonly PathSnapshot[], rounds: number): Map<number, number> {
  const bytes = new Map<number, number>();
  for (let i = 0; i < rounds; i++) {
    const decision = scheduler.select(request(), paths, i);
    if (decision.kind === 'send') bytes.set(decision.pathId, (bytes.get(decision.pathId) ?? 0) + decision.maxBytes);
  }
  return bytes;
}

describe('weighted', () => {
  test('bytes follow the weights, whatever the size of the pieces', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 20 }), (list, speed) => {
        const paths = list.map((weight, id) =>
          snapshot(id, { weight, deliveryRateBytesPerSecond: (id + 1) * speed * 100_000 }),
        );
        const bytes = share(createWeightedScheduler(), paths, 3000);
        const perWeight = paths.map((path) => (bytes.get(path.id) ?? 0) / path.weight);
        // Start-time fair queueing is fair to within one piece of each path.
        expect(Math.max(...perWeight) - Math.min(...perWeight)).toBeLessThanOrEqual(2 * 16_384);
      }),
      { numRuns: 50 },
    );
  });

  test('a path that could not send has saved up nothing', () => {
    const scheduler = createWeightedScheduler();
    const two = [snapshot(0), snapshot(1)];
    share(scheduler, [snapshot(0), busy(snapshot(1))], 1000);
    const bytes = share(scheduler, two, 100);
    expect(Math.abs((bytes.get(0) ?? 0) - (bytes.get(1) ?? 0))).toBeLessThanOrEqual(2 * 16_384);
  });

  test('a path of weight 0 is a backup', () => {
    const scheduler = createWeightedScheduler();
    const backup = snapshot(0, { weight: 0, rttMs: 1 });
    expect(share(scheduler, [backup, snapshot(1)], 50).get(0)).toBeUndefined();
    expect(scheduler.select(request(), [backup, busy(snapshot(1))], 60)).toMatchObject({ pathId: 0 });
  });
});

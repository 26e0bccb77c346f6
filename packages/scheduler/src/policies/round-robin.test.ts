import { describe, expect, test } from '@jest/globals';
import { describeSchedulerContract } from '../test-support/contract.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createRoundRobinScheduler } from './round-robin.js';

describeSchedulerContract('round-robin', createRoundRobinScheduler);

describe('round-robin', () => {
  test('paths take turns in the order of their ids; a busy one is passed over', () => {
    const scheduler = createRoundRobinScheduler();
    const all = [snapshot(5), snapshot(0), snapshot(2)];
    const turn = (paths = all): unknown => {
      const decision = scheduler.select(request(), paths, 0);
      return decision.kind === 'send' ? decision.pathId : 'wait';
    };
    expect([turn(), turn(), turn(), turn()]).toEqual([0, 2, 5, 0]);
    expect(turn([snapshot(0), busy(snapshot(2)), snapshot(5)])).toBe(5);
    expect(turn([snapshot(2)])).toBe(2);
    expect(turn()).toBe(5);
  });
});

import { describe, expect, test } from '@jest/globals';
import { describeSchedulerContract } from '../test-support/contract.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createAdaptiveScheduler } from './adaptive.js';

describeSchedulerContract('adaptive', createAdaptiveScheduler);
describe('adaptive', () => {
  test('x', () =>
    expect(createAdaptiveScheduler().select(request(), [busy(snapshot(0)), snapshot(1)], 0)).toMatchObject({
      pathId: 1,
    }));
});

import { describe, expect, test } from '@jest/globals';
import { describeSchedulerContract } from '../test-support/contract.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createMinRttScheduler } from './min-rtt.js';

describeSchedulerContract('min-rtt', createMinRttScheduler);

describe('min-rtt', () => {
  const slow = snapshot(0, { rttMs: 80 });
  const fast = snapshot(1, { rttMs: 10 });

  test('takes the path with the lowest RTT, and the next one when that is busy', () => {
    const scheduler = createMinRttScheduler();
    expect(scheduler.select(request(), [slow, fast], 0)).toMatchObject({ kind: 'send', pathId: 1 });
    expect(scheduler.select(request(), [slow, busy(fast)], 1)).toMatchObject({ kind: 'send', pathId: 0 });
    expect(scheduler.select(request(), [busy(slow), busy(fast)], 2).kind).toBe('wait');
  });

  test('a piece is about 5 ms of the path, within what is there, what fits, and 16 kB', () => {
    const scheduler = createMinRttScheduler();
    const bytes = (changes: Parameters<typeof snapshot>[1], pendingBytes = 1e6): number => {
      const decision = scheduler.select(request({ pendingBytes }), [snapshot(0, changes)], 0);
      return decision.kind === 'send' ? decision.maxBytes : -1;
    };
    expect(bytes({})).toBe(12_500);
    expect(bytes({ deliveryRateBytesPerSecond: 1e9 })).toBe(16_384);
    expect(bytes({ deliveryRateBytesPerSecond: 1 })).toBe(1200);
    expect(bytes({}, 17)).toBe(17);
    expect(bytes({ sendableBytes: 3000 })).toBe(3000);
    expect(bytes({ deliveryRateBytesPerSecond: 0, windowBytes: 20_000 })).toBe(5000);
  });

  test('a suspected path is used when the healthy one stays busy for two round trips', () => {
    const scheduler = createMinRttScheduler();
    const paths = [busy(snapshot(0, { rttMs: 40 })), snapshot(1, { state: 'suspected' })];
    for (let now = 0; now < 80; now += 10) expect(scheduler.select(request(), paths, now).kind).toBe('wait');
    expect(scheduler.select(request(), paths, 80)).toMatchObject({ kind: 'send', pathId: 1 });
    expect(scheduler.select(request(), paths, 81)).toMatchObject({ kind: 'send', pathId: 1 });
    expect(scheduler.select(request(), [snapshot(0, { rttMs: 40 }), paths[1]!], 82)).toMatchObject({ pathId: 0 });
    expect(scheduler.select(request(), paths, 83).kind).toBe('wait');
  });

  test('bytes that are on a path already go to another, and again to the same only where there is no other', () => {
    const scheduler = createMinRttScheduler();
    const again = request({ kind: 'reinjection', exclude: [fast.id] });
    expect(scheduler.select(again, [slow, fast], 0)).toMatchObject({ pathId: 0 });
    expect(scheduler.select(again, [busy(slow), fast], 1).kind).toBe('wait');
    expect(scheduler.select(again, [fast], 2)).toMatchObject({ pathId: 1 });
  });
});

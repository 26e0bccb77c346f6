import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toPathId, type Decision, type PathSnapshot, type ScheduleRequest, type SendIntent } from '@kwik/wire';
import { createScheduler, SCHEDULER_NAMES } from '../registry.js';
import { describeSchedulerContract } from '../test-support/contract.js';
import { arbitraryPaths, arbitraryRequest, busy, request, snapshot } from '../test-support/snapshots.js';
import { withIntents } from './with-intents.js';

const MIB = 1024 * 1024;
const near = snapshot(1, { rttMs: 10, minRttMs: 10, deliveryRateBytesPerSecond: 1_000_000 });
const far = snapshot(2, { rttMs: 80, minRttMs: 80, deliveryRateBytesPerSecond: 20_000_000 });
/** As `near`, and about to take something again. */
const waiting = { ...near, sendableBytes: 0, inFlightBytes: 10_000 };
const adaptive = (): ReturnType<typeof withIntents> => withIntents(() => createScheduler('adaptive'));

function ask(
  intent: SendIntent,
  paths: readonly PathSnapshot[],
  now = 0,
  more: Partial<ScheduleRequest> = {},
): Decision {
  return adaptive().select(request({ intent, pendingBytes: 1000, ...more }), paths, now);
}

for (const name of ['adaptive', 'redundant']) {
  describeSchedulerContract(`${name} with intents`, () => withIntents(() => createScheduler(name)));
}

describe('a stream of the mode fast', () => {
  test('takes the path on which its bytes are there first, whatever the policy of bulk', () => {
    for (const name of SCHEDULER_NAMES) {
      const scheduler = withIntents(() => createScheduler(name));
      for (let now = 0; now < 10; now++) {
        const decision = scheduler.select(request({ intent: { mode: 'fast' }, pendingBytes: 1000 }), [far, near], now);
        expect(decision).toMatchObject({ kind: 'send', pathId: 1 });
      }
    }
  });

  test('goes around a queue, and waits for a near path that is busy for a moment', () => {
    const queued = { ...near, rttMs: 300 };
    expect(ask({ mode: 'fast' }, [queued, far])).toMatchObject({ pathId: 2 });
    const scheduler = adaptive();
    const fast = request({ intent: { mode: 'fast' }, pendingBytes: 1000 });
    expect(scheduler.select(fast, [waiting, far], 0)).toMatchObject({ kind: 'wait' });
    let now = 0;
    while (scheduler.select(fast, [waiting, far], now).kind === 'wait') now += 5;
    expect(now).toBeLessThanOrEqual(30);
  });
});

describe('a stream with a deadline or an affinity', () => {
  test('keeps off paths that are too slow, unless all are', () => {
    expect(ask({ mode: 'bulk', deadlineMs: 50 }, [waiting, far], 0)).toMatchObject({ kind: 'wait' });
    expect(ask({ mode: 'bulk', deadlineMs: 200 }, [waiting, far], 0, { pendingBytes: 1e6 })).toMatchObject({
      pathId: 2,
    });
    expect(ask({ mode: 'bulk', deadlineMs: 1 }, [far], 0)).toMatchObject({ pathId: 2 });
  });

  test('keeps to its path while that is well, waits for it for half a second, and does without it', () => {
    const intent = { mode: 'bulk', affinity: toPathId(2) } as const;
    expect(ask(intent, [near, far])).toMatchObject({ pathId: 2 });
    expect(ask(intent, [near, { ...far, state: 'suspected' }])).toMatchObject({ pathId: 1 });
    expect(ask({ ...intent, affinity: toPathId(9) }, [near])).toMatchObject({ pathId: 1 });
    const scheduler = adaptive();
    const waitsAt = (now: number): boolean =>
      scheduler.select(request({ intent, pendingBytes: 1000 }), [near, busy(far)], now).kind === 'wait';
    for (let now = 0; now < 500; now += 50) expect(waitsAt(now)).toBe(true);
    expect(waitsAt(500)).toBe(false);
  });
});

describe('a stream of the mode reliable', () => {
  test('is copied to the second best path, busy or not, and to none that is suspected or the same', () => {
    const intent = { mode: 'reliable' } as const;
    const first = ask(intent, [near, far]);
    expect(first).toMatchObject({ kind: 'send', duplicates: [first.kind === 'send' && first.pathId === 1 ? 2 : 1] });
    expect(ask(intent, [near, busy({ ...far, rttMs: 20 })])).toMatchObject({ pathId: 1, duplicates: [2] });
    expect(ask(intent, [near, { ...far, state: 'suspected' }])).toMatchObject({ pathId: 1, duplicates: [] });
    expect(ask(intent, [near])).toMatchObject({ pathId: 1, duplicates: [] });
  });

  test('costs no more than a MiB, one each second, and a quarter of all that is sent', () => {
    const modes = fc.constantFrom('bulk' as const, 'reliable' as const);
    const steps = fc.array(fc.record({ mode: modes, passedMs: fc.integer({ min: 0, max: 20 }) }), { maxLength: 400 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 16_000 }), (asks, pendingBytes) => {
        const scheduler = adaptive();
        let now = 0;
        let sent = 0;
        let copied = 0;
        for (const { mode, passedMs } of asks) {
          now += passedMs;
          const decision = scheduler.select(request({ intent: { mode }, pendingBytes }), [near, far], now);
          if (decision.kind === 'wait') continue;
          sent += decision.maxBytes;
          copied += decision.duplicates.length * decision.maxBytes;
          expect(copied).toBeLessThanOrEqual(MIB + (MIB * now) / 1000 + sent / 4);
        }
      }),
    );
  });

  test('of 8 Mbit/s is copied whole for ever, and one of 80 Mbit/s to a third about', () => {
    for (const [perMs, least, most] of [
      [1000, 1, 1],
      [10_000, 0.3, 0.5],
    ] as const) {
      const scheduler = adaptive();
      let [sent, copied] = [0, 0];
      for (let now = 0; now < 20_000; now++) {
        const intent = { mode: 'reliable' } as const;
        const decision = scheduler.select(
          request({ intent, pendingBytes: perMs }),
          [far, { ...far, id: near.id }],
          now,
        );
        if (decision.kind === 'wait') continue;
        sent += decision.maxBytes;
        copied += decision.duplicates.length * decision.maxBytes;
      }
      copied /= sent;
      expect(copied).toBeGreaterThanOrEqual(least - 1e-9);
      expect(copied).toBeLessThanOrEqual(most + 1e-9);
    }
  });
});

test('bulk is carried as without it, whatever happens beside it', () => {
  const asks = fc.array(
    arbitraryPaths.chain((paths) => fc.record({ paths: fc.constant(paths), request: arbitraryRequest(paths) })),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(asks, (all) => {
      const plain = createScheduler('adaptive');
      const wrapped = adaptive();
      all.forEach(({ paths, request: asked }, now) => {
        wrapped.select({ ...asked, intent: { mode: 'fast' } }, paths, now);
        expect(wrapped.select(asked, paths, now)).toEqual(plain.select(asked, paths, now));
      });
    }),
  );
});

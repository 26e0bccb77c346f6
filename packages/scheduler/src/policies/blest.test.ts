import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeSchedulerContract } from '../test-support/contract.js';
import { transfer } from '../test-support/simulation.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createBlestScheduler } from './blest.js';
import { createMinRttScheduler } from './min-rtt.js';

describeSchedulerContract('blest', createBlestScheduler);

describe('blest', () => {
  const fast = snapshot(0, { windowBytes: 50_000, sendableBytes: 50_000 });
  const slow = snapshot(1, { rttMs: 100, minRttMs: 100, deliveryRateBytesPerSecond: 250_000 });
  const choice = (windowBytes: number, paths = [busy(fast), slow]): unknown => {
    const decision = createBlestScheduler().select(request({ windowBytes }), paths, 0);
    return decision.kind === 'send' ? decision.pathId : 'wait';
  };

  test('the fast path while it has room, however small the window', () => expect(choice(1, [fast, slow])).toBe(0));

  test('skips the slow path exactly where its piece would fill the window that the fast one needs', () => {
    // r = 5, X = (50000 + 1200 x 2) x 5 = 262000, lambda X = 314400; M = room + 50000 in flight on the fast path; the
    // piece has 1250 bytes.
    expect(choice(265_649)).toBe('wait');
    expect(choice(265_650)).toBe(1);
    // What is in flight on the slow path stays in the window as long.
    expect(choice(265_650, [busy(fast), { ...slow, inFlightBytes: 10_000 }])).toBe(1);
    expect(choice(265_650, [{ ...busy(fast), inFlightBytes: 40_000 }, slow])).toBe('wait');
  });

  test('more room never makes it wait', () => {
    const room = fc.integer({ min: 0, max: 2_000_000 });
    fc.assert(
      fc.property(room, room, fc.integer({ min: 21, max: 500 }), (a, b, rttMs) => {
        const paths = [busy(fast), { ...slow, rttMs }];
        if (choice(Math.min(a, b), paths) === 1) expect(choice(Math.max(a, b), paths)).toBe(1);
      }),
    );
  });

  test('lambda: waits more after blocking, less after none, within its bounds', () => {
    const scheduler = createBlestScheduler();
    let now = 0;
    /** The smallest room with which the slow path is used; lambda X = room + 50000 - 1250. */
    const lambda = (): number => {
      let [low, high] = [0, 1_000_000];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        const { kind } = scheduler.select(request({ windowBytes: middle }), [busy(fast), slow], now);
        if (kind === 'send') high = middle;
        else low = middle;
      }
      return (high + 48_750) / 262_000;
    };
    const round = (windowBytes: number, blocked: boolean): void => {
      const paths = blocked ? [fast, { ...slow, inFlightBytes: 1200 }] : [busy(fast), slow];
      scheduler.select(request({ windowBytes }), paths, now + 1);
      now += 100;
      scheduler.select(request({ windowBytes: 16_000_000 }), [fast, slow], now);
    };
    expect(lambda()).toBeCloseTo(1.2, 3);
    round(10_000, true);
    expect(lambda()).toBeCloseTo(1.24, 3);
    for (let i = 0; i < 5; i++) round(10_000, true);
    expect(lambda()).toBeCloseTo(1.3, 3);
    round(16_000_000, false);
    expect(lambda()).toBeCloseTo(1.29, 3);
    for (let i = 0; i < 50; i++) round(16_000_000, false);
    expect(lambda()).toBeCloseTo(1, 3);
  });

  test('a fast path that is stuck is given up after two of its round trips', () => {
    const scheduler = createBlestScheduler();
    const kind = (now: number): unknown =>
      scheduler.select(request({ windowBytes: 60_000 }), [busy(fast), slow], now).kind;
    for (let now = 0; now < 40; now += 5) expect(kind(now)).toBe('wait');
    expect(kind(40)).toBe('send');
  });

  test('as the paper has it: with a small window and unlike paths, several times the goodput of min-rtt', () => {
    const links = [
      { mbits: 25, rttMs: 20 },
      { mbits: 5, rttMs: 130 },
    ];
    const options = { bytes: 4_000_000, receiverBytes: 131_072 };
    const blest = transfer(createBlestScheduler(), links, options);
    expect(transfer(createMinRttScheduler(), links, options).doneMs).toBeGreaterThan(1.5 * blest.doneMs);
    // With a window that holds all, the slow path is used.
    expect(transfer(createBlestScheduler(), links, { bytes: 4_000_000 }).bytesByPath.get(slow.id)).toBeGreaterThan(4e5);
  });
});

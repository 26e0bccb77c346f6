import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createMinRttScheduler } from './min-rtt.js';
import { describeSchedulerContract } from '../test-support/contract.js';
import { transfer, type Link } from '../test-support/simulation.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { ENVIRONMENTS } from '../test-support/environments.js';
import { createAdaptiveScheduler } from './adaptive.js';

describeSchedulerContract('adaptive', createAdaptiveScheduler);

describe('adaptive', () => {
  const fast = snapshot(0, { windowBytes: 50_000, sendableBytes: 50_000 });
  const slow = snapshot(1, { rttMs: 120, minRttMs: 120, deliveryRateBytesPerSecond: 625_000 });

  test('takes the path on which the piece arrives first: queue and rate count as well as RTT', () => {
    const scheduler = createAdaptiveScheduler();
    expect(scheduler.select(request(), [fast, slow], 0)).toMatchObject({ kind: 'send', pathId: 0 });
    const bloated = { ...fast, rttMs: 170 };
    expect(scheduler.select(request(), [bloated, slow], 1)).toMatchObject({ kind: 'send', pathId: 1 });
    const queued = { ...fast, queuedBytes: 250_000 };
    expect(scheduler.select(request(), [queued, slow], 2)).toMatchObject({ kind: 'send', pathId: 1 });
    const lossy = { ...fast, rttMs: 110, minRttMs: 110, lossRate: 0.2 };
    expect(scheduler.select(request(), [lossy, slow], 3)).toMatchObject({ kind: 'send', pathId: 1 });
  });

  test('with little left, waits for the fast path; with much left, uses both', () => {
    const left = (pendingBytes: number): unknown =>
      createAdaptiveScheduler().select(request({ pendingBytes }), [busy(fast), slow], 0).kind;
    // The fast path has 50 kB there in 30 ms, the slow one its first piece in 65 ms.
    expect(left(50_000)).toBe('wait');
    expect(left(1_000_000)).toBe('send');
  });

  test("with little room in the receiver's window, leaves it to the fast path", () => {
    const scheduler = createAdaptiveScheduler();
    expect(scheduler.select(request({ windowBytes: 50_000 }), [busy(fast), slow], 0).kind).toBe('wait');
  });

  test('a path that was left out must be clearly worth it before it is used again', () => {
    const scheduler = createAdaptiveScheduler();
    const select = (pendingBytes: number, now: number): unknown =>
      scheduler.select(request({ pendingBytes }), [busy(fast), slow], now).kind;
    // 65 ms on the slow path; n bytes on the fast one take 10.5 ms + n / 2500.
    expect(select(140_000, 0)).toBe('send');
    expect(select(130_000, 1)).toBe('wait');
    expect(select(140_000, 2)).toBe('wait');
    expect(select(180_000, 3)).toBe('send');
    expect(select(140_000, 4)).toBe('send');
  });

  test('a fast path that never becomes ready holds nobody up for longer than two of its round trips', () => {
    const scheduler = createAdaptiveScheduler();
    const stuck = [busy(fast), slow];
    for (let now = 0; now < 40; now += 5) {
      expect(scheduler.select(request({ pendingBytes: 5000 }), stuck, now).kind).toBe('wait');
    }
    for (let now = 40; now < 200; now += 20) {
      expect(scheduler.select(request({ pendingBytes: 5000 }), stuck, now)).toMatchObject({ kind: 'send', pathId: 1 });
    }
    expect(scheduler.select(request({ pendingBytes: 5000 }), [fast, slow], 200)).toMatchObject({ pathId: 0 });
    expect(scheduler.select(request({ pendingBytes: 5000 }), stuck, 201).kind).toBe('wait');
  });

  test('a lossy path gets nothing near the end of a transfer, where a loss costs more than the piece saves', () => {
    const near = { ...fast, rttMs: 60, minRttMs: 60 };
    const lossy = { ...fast, id: slow.id, rttMs: 70, minRttMs: 70 };
    const choice = (lossRate: number, pendingBytes: number): unknown => {
      const decision = createAdaptiveScheduler().select(
        request({ pendingBytes }),
        [busy(near), { ...lossy, lossRate }],
        0,
      );
      return decision.kind === 'send' ? decision.pathId : 'wait';
    };
    expect(choice(0, 100_000)).toBe(1);
    expect(choice(0.1, 100_000)).toBe('wait');
    expect(choice(0.1, 1_000_000)).toBe(1);
  });

  test('equal paths are never waited for', () => {
    const scheduler = createAdaptiveScheduler();
    const other = { ...fast, id: slow.id };
    expect(scheduler.select(request({ pendingBytes: 1200 }), [busy(fast), other], 0)).toMatchObject({ pathId: 1 });
  });
});

// Not fc.double: that prefers the smallest numbers there are.
const unit = fc.integer({ min: 0, max: 10_000 }).map((x) => x / 10_000);
const link = fc.record({
  mbits: unit.map((x) => 100 ** x),
  rttMs: unit.map((x) => 2 * 150 ** x),
});
const bytes = unit.map((x) => Math.floor(1000 * 2000 ** x));
const receiverBytes = unit.map((x) => Math.floor(65_536 * 100 ** x));
const world = fc.record({ links: fc.array(link, { minLength: 2, maxLength: 4 }), bytes, receiverBytes });

function bestAloneMs(links: readonly Link[], options: { bytes: number; receiverBytes: number }): number {
  return Math.min(...links.map((alone) => transfer(createAdaptiveScheduler(), [alone], options).doneMs));
}

describe('adaptive over simulated links', () => {
  test('is as fast as the best path alone, or faster: by an eighth in the mean, slower in one of a hundred', () => {
    const ratios = fc.sample(fc.noBias(world), { seed: 7, numRuns: 400 }).map(({ links, ...options }) => {
      return transfer(createAdaptiveScheduler(), links, options).doneMs / bestAloneMs(links, options);
    });
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    expect(mean).toBeLessThan(0.88);
    expect(ratios.filter((ratio) => ratio > 1.02).length).toBeLessThanOrEqual(4);
  });

  test('is never much slower, whatever the paths, the size and the receiver', () => {
    fc.assert(
      fc.property(world, ({ links, ...options }) => {
        const { doneMs } = transfer(createAdaptiveScheduler(), links, options);
        expect(doneMs).toBeLessThanOrEqual(1.4 * bestAloneMs(links, options) + 10);
      }),
      { numRuns: 100 },
    );
  });

  test('nor where every rate is known only to within a factor of two', () => {
    const wrong = fc.record({ rateError: unit.map((x) => 0.5 * 4 ** x) });
    fc.assert(
      fc.property(world, fc.array(wrong, { minLength: 4, maxLength: 4 }), ({ links, ...options }, errors) => {
        const misjudged = links.map((good, i) => ({ ...good, ...errors[i] }));
        const { doneMs } = transfer(createAdaptiveScheduler(), misjudged, options);
        expect(doneMs).toBeLessThanOrEqual(3 * bestAloneMs(links, options) + 20);
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    {
      name: 'two alike',
      links: [
        { mbits: 20, rttMs: 20 },
        { mbits: 20, rttMs: 20 },
      ],
    },
    {
      name: 'one far slower',
      links: [
        { mbits: 20, rttMs: 20 },
        { mbits: 5, rttMs: 120 },
      ],
    },
    {
      name: 'three',
      links: [
        { mbits: 20, rttMs: 20 },
        { mbits: 10, rttMs: 40 },
        { mbits: 5, rttMs: 60 },
      ],
    },
  ])('adds up what the paths can carry: $name', ({ links }) => {
    const total = links.reduce((sum, { mbits }) => sum + mbits * 125, 0);
    const { doneMs } = transfer(createAdaptiveScheduler(), links, { bytes: 10_000_000 });
    expect(10_000_000 / doneMs / total).toBeGreaterThan(0.95);
  });

  test('the canary: min-rtt, which never waits, is far slower than the best path alone on the same links', () => {
    const links = [
      { mbits: 50, rttMs: 10 },
      { mbits: 1, rttMs: 300 },
    ];
    const options = { bytes: 1_000_000, receiverBytes: 1_000_000 };
    expect(transfer(createMinRttScheduler(), links, options).doneMs).toBeGreaterThan(3 * bestAloneMs(links, options));
    expect(transfer(createAdaptiveScheduler(), links, options).doneMs).toBeLessThan(1.01 * bestAloneMs(links, options));
  });
});

describe.each([
  { name: 'windows full', coldStart: false },
  { name: 'from slow start', coldStart: true },
])('adaptive against the best path alone, $name', ({ coldStart }) => {
  test.each(ENVIRONMENTS)('$name', ({ links, receiverBytes = 16_000_000 }) => {
    const isLossy = links.some((each) => each.lossRate !== undefined);
    for (const bytes of [30_000, 100_000, 1_000_000]) {
      // Loss means less the longer a transfer is.
      const seeds = isLossy ? Math.ceil(4 + 600_000 / bytes) : 1;
      let [time, alone] = [0, links.map(() => 0)];
      for (let seed = 1; seed <= seeds; seed++) {
        const options = { bytes, receiverBytes, coldStart, seed };
        time += transfer(createAdaptiveScheduler(), links, options).doneMs;
        alone = alone.map((sum, i) => sum + transfer(createAdaptiveScheduler(), [links[i]!], options).doneMs);
      }
      expect(Math.min(...alone) / time).toBeGreaterThan(0.97);
    }
  });
});

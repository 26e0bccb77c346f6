import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { SeededRandom } from '../random/seeded-random.js';
import type { DirectionSettings } from './direction-settings.js';
import { LinkModel } from './link-model.js';
import { applyOptions, resolveShape, type LinkDirectionOptions } from './link-options.js';

interface Arrival {
  readonly item: number;
  readonly atMs: number;
}

function settings(options: LinkDirectionOptions): DirectionSettings {
  return resolveShape({ both: options }).up;
}

function model(options: LinkDirectionOptions, seed = 1): LinkModel<number> {
  return new LinkModel(settings(options), new SeededRandom(seed));
}

/** Runs the model's events up to `untilMs`, each at its exact time. */
function drain(link: LinkModel<number>, untilMs = Infinity): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let atMs = link.nextEventMs(); atMs <= untilMs && atMs < Infinity; atMs = link.nextEventMs()) {
    for (let item = link.dequeue(atMs); item !== undefined; item = link.dequeue(atMs)) arrivals.push({ item, atMs });
  }
  return arrivals;
}

/** 1 Mbit/s without overhead: 125 bytes take 1 ms. */
const MBIT: LinkDirectionOptions = { rateBitsPerSecond: 1e6, overheadBytes: 0 };

describe('rate, delay and queue', () => {
  test('a packet arrives after its bits and the delay', () => {
    const link = model({ ...MBIT, delayMs: 20 });
    link.enqueue(1, 125, 100);
    expect(drain(link)).toEqual([{ item: 1, atMs: 121 }]);
  });

  test('28 bytes of headers count for the rate unless told otherwise', () => {
    const link = model({ rateBitsPerSecond: 1e6 });
    link.enqueue(1, 97, 0);
    expect(drain(link)).toEqual([{ item: 1, atMs: 1 }]);
  });

  test('without a rate a packet arrives after the delay, at once without one', () => {
    const link = model({});
    link.enqueue(1, 1350, 5);
    expect(link.dequeue(5)).toBe(1);
    expect(link.nextEventMs()).toBe(Infinity);
  });

  test('the queue takes what fits and drops the rest; the packet being sent does not count', () => {
    const link = model({ ...MBIT, queueBytes: 250 });
    expect([1, 2, 3, 4].map((item) => link.enqueue(item, 125, 0))).toEqual([undefined, undefined, undefined, 'queue']);
    expect(link.stats()).toMatchObject({ queueBytes: 250, peakQueueBytes: 250, packetsInside: 3 });
    expect(drain(link).map(({ atMs }) => atMs)).toEqual([1, 2, 3]);
    expect(link.stats()).toMatchObject({ queueBytes: 0, peakQueueBytes: 250, packetsInside: 0 });
  });

  test('a queue of nothing still sends what meets an idle link', () => {
    const link = model({ ...MBIT, queueBytes: 0 });
    expect([link.enqueue(1, 1250, 0), link.enqueue(2, 1250, 9), link.enqueue(3, 1250, 10)]).toEqual([
      undefined,
      'queue',
      undefined,
    ]);
  });

  test('the default queue holds 50 ms at the rate', () => {
    const link = model({ rateBitsPerSecond: 50e6, overheadBytes: 0 });
    for (let item = 0; item < 1000; item++) link.enqueue(item, 1250, 0);
    expect(link.stats().peakQueueBytes).toBe(312_500);
  });

  test('what is read late was still sent on time', () => {
    const link = model({ ...MBIT, delayMs: 5 });
    for (let item = 0; item < 10; item++) link.enqueue(item, 125, 0);
    expect(link.dequeue(5.5)).toBeUndefined();
    const read = Array.from({ length: 10 }, () => link.dequeue(15));
    expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    link.enqueue(10, 125, 15);
    expect(link.nextEventMs()).toBe(21);
  });

  test('arrivals are those of an obvious twin, whatever comes when', () => {
    const packet = fc.record({
      gapMs: fc.double({ min: 0, max: 3, noNaN: true }),
      bytes: fc.integer({ min: 0, max: 1500 }),
    });
    const options = fc.record({
      rateBitsPerSecond: fc.constantFrom(1e5, 1e6, 20e6, Infinity),
      delayMs: fc.constantFrom(0, 1, 30),
      queueBytes: fc.constantFrom(0, 3000, 20_000),
      overheadBytes: fc.constantFrom(0, 28),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 60 }), options, (packets, chosen) => {
        const link = model(chosen);
        const arrivals: Arrival[] = [];
        let now = 0;
        packets.forEach(({ gapMs, bytes }, item) => {
          now += gapMs;
          arrivals.push(...drain(link, now));
          link.enqueue(item, bytes, now);
        });
        arrivals.push(...drain(link));
        expectClose(arrivals, twin(packets, settings(chosen)));
      }),
    );
  });
});

/** The same link by keeping every packet's times in a list. */
function twin(
  packets: readonly { gapMs: number; bytes: number }[],
  { rateBitsPerSecond, delayMs, queueBytes, overheadBytes }: DirectionSettings,
): Arrival[] {
  const taken: { item: number; wireBytes: number; startMs: number; endMs: number }[] = [];
  let now = 0;
  packets.forEach(({ gapMs, bytes }, item) => {
    now += gapMs;
    const wireBytes = bytes + overheadBytes;
    const busy = taken.some(({ endMs }) => endMs > now);
    const waiting = taken.filter(({ startMs }) => startMs > now).reduce((sum, other) => sum + other.wireBytes, 0);
    if (busy && waiting + wireBytes > (queueBytes ?? 0)) return;
    const startMs = Math.max(now, ...taken.map(({ endMs }) => endMs));
    taken.push({ item, wireBytes, startMs, endMs: startMs + (wireBytes * 8000) / rateBitsPerSecond });
  });
  return taken.map(({ item, endMs }) => ({ item, atMs: endMs + delayMs }));
}

function expectClose(actual: readonly Arrival[], expected: readonly Arrival[]): void {
  expect(actual.map(({ item }) => item)).toEqual(expected.map(({ item }) => item));
  actual.forEach(({ atMs }, index) => expect(Math.abs(atMs - (expected[index]?.atMs ?? NaN))).toBeLessThan(1e-6));
}

describe('faults', () => {
  const PACKETS = 20_000;

  /** Sends a packet per millisecond. */
  function stream(link: LinkModel<number>, packets = PACKETS): Arrival[] {
    const arrivals: Arrival[] = [];
    for (let item = 0; item < packets; item++) {
      arrivals.push(...drain(link, item));
      link.enqueue(item, 100, item);
    }
    return [...arrivals, ...drain(link)];
  }

  test('loss takes its share, the same packets for the same seed', () => {
    const first = stream(model({ lossRate: 0.02 }, 9));
    expect(1 - first.length / PACKETS).toBeCloseTo(0.02, 2);
    expect(stream(model({ lossRate: 0.02 }, 9))).toEqual(first);
    expect(stream(model({ lossRate: 0.02 }, 10))).not.toEqual(first);
  });

  test('a lost packet used the rate', () => {
    const link = model({ ...MBIT, burstLoss: { enterRate: 1, leaveRate: 1 } });
    for (let item = 0; item < 4; item++) link.enqueue(item, 125, 0);
    expect(drain(link)).toEqual([
      { item: 1, atMs: 2 },
      { item: 3, atMs: 4 },
    ]);
    expect(link.stats().dropped.burst).toBe(2);
  });

  test('bursts have the length and the share that the two rates say', () => {
    const link = model({ burstLoss: { enterRate: 0.01, leaveRate: 0.2 } }, 2);
    const arrived = new Set(stream(link).map(({ item }) => item));
    let bursts = 0;
    for (let item = 1; item < PACKETS; item++) if (arrived.has(item - 1) && !arrived.has(item)) bursts++;
    const lost = PACKETS - arrived.size;
    expect(lost / PACKETS).toBeCloseTo(0.01 / 0.21, 1);
    expect(lost / bursts).toBeGreaterThan(4);
    expect(lost / bursts).toBeLessThan(6);
  });

  test.each(['uniform', 'normal', 'exponential'] as const)(
    '%s jitter spreads the delay and keeps the order',
    (jitterDistribution) => {
      const arrivals = stream(model({ delayMs: 50, jitterMs: 5, jitterDistribution }));
      expect(arrivals.map(({ item }) => item)).toEqual(Array.from({ length: PACKETS }, (_, item) => item));
      const delays = arrivals.map(({ item, atMs }) => atMs - item);
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(
        jitterDistribution === 'normal' ? 35 : jitterDistribution === 'uniform' ? 45 : 50,
      );
      expect(Math.max(...delays)).toBeGreaterThan(54);
      expect(new Set(delays).size).toBeGreaterThan(1000);
    },
  );

  test('reordering holds some packets back and leaves the rest on time', () => {
    const link = model({ delayMs: 10, reorderRate: 0.1, reorderDelayMs: 3.5 });
    const arrivals = stream(link);
    const late = arrivals.filter(({ item, atMs }) => atMs - item === 13.5).length;
    expect(late / PACKETS).toBeCloseTo(0.1, 1);
    expect(arrivals.filter(({ item, atMs }) => atMs - item === 10).length).toBe(PACKETS - late);
    expect(link.stats().reordered).toBe(late);
  });

  test('what follows a packet that is held back is not late, even in the queue', () => {
    const link = new LinkModel<number>(settings({ ...MBIT, reorderRate: 1, reorderDelayMs: 100 }), new SeededRandom(1));
    link.enqueue(0, 125, 0);
    link.configure(settings(MBIT), 0);
    link.enqueue(1, 125, 0);
    expect(drain(link)).toEqual([
      { item: 1, atMs: 2 },
      { item: 0, atMs: 101 },
    ]);
  });

  test('duplication delivers some packets twice', () => {
    const link = model({ duplicateRate: 0.05 });
    const arrivals = stream(link);
    expect(arrivals.length / PACKETS).toBeCloseTo(1.05, 1);
    expect(link.stats().duplicated).toBe(arrivals.length - PACKETS);
  });

  test('one fault switched on leaves the others as they were', () => {
    const lost = (options: LinkDirectionOptions): number[] => {
      const arrived = new Set(stream(model({ lossRate: 0.05, ...options }, 3), 2000).map(({ item }) => item));
      return Array.from({ length: 2000 }, (_, item) => item).filter((item) => !arrived.has(item));
    };
    expect(lost({ jitterMs: 3, reorderRate: 0.5, duplicateRate: 0.5, rateBitsPerSecond: 1e8 })).toEqual(lost({}));
  });
});

test('an MTU swallows what is larger with its headers, and nothing else', () => {
  const link = model({ mtuBytes: 1300 });
  expect([link.enqueue(1, 1272, 0), link.enqueue(2, 1273, 0), link.enqueue(3, 20, 0)]).toEqual([
    undefined,
    'mtu',
    undefined,
  ]);
  expect(drain(link).map(({ item }) => item)).toEqual([1, 3]);
  expect(link.stats()).toMatchObject({ packetsIn: 3, packetsInside: 0, dropped: { mtu: 1 } });
});

describe('changes while running', () => {
  test('a new rate holds for what is queued and for the rest of the packet being sent', () => {
    const link = model(MBIT);
    for (let item = 0; item < 3; item++) link.enqueue(item, 1250, 0);
    link.configure(settings({ ...MBIT, rateBitsPerSecond: 10e6 }), 5);
    expect(drain(link).map(({ atMs }) => atMs)).toEqual([5.5, 6.5, 7.5]);
  });

  test('a rate taken away lets the queue go at once', () => {
    const link = model(MBIT);
    for (let item = 0; item < 3; item++) link.enqueue(item, 1250, 0);
    link.configure(settings({}), 5);
    expect(drain(link).map(({ atMs }) => atMs)).toEqual([5, 5, 5]);
  });

  test('a shorter delay does not reorder', () => {
    const link = model({ delayMs: 100 });
    link.enqueue(0, 100, 0);
    link.configure(settings({ delayMs: 10 }), 20);
    link.enqueue(1, 100, 20);
    link.enqueue(2, 100, 95);
    expect(drain(link)).toEqual([
      { item: 0, atMs: 100 },
      { item: 1, atMs: 100 },
      { item: 2, atMs: 105 },
    ]);
  });

  test('a cut loses what is inside and what comes; after heal all is as before', () => {
    const link = model({ ...MBIT, delayMs: 10 });
    for (let item = 0; item < 3; item++) link.enqueue(item, 125, 0);
    link.cut(2.5);
    expect(link.enqueue(3, 125, 3)).toBe('cut');
    expect(link.nextEventMs()).toBe(Infinity);
    link.heal();
    link.enqueue(4, 125, 50);
    expect(drain(link)).toEqual([{ item: 4, atMs: 61 }]);
    expect(link.stats()).toMatchObject({ queueBytes: 0, packetsInside: 0, dropped: { cut: 4 } });
  });

  test('no packet is ever unaccounted for', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('send' as const), bytes: fc.integer({ min: 0, max: 1500 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.double({ min: 0, max: 20, noNaN: true }) }),
      fc.record({ kind: fc.constantFrom('cut' as const, 'heal' as const) }),
      fc.record({
        kind: fc.constant('configure' as const),
        rateBitsPerSecond: fc.constantFrom(1e5, 1e7, Infinity),
        delayMs: fc.nat(50),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
        const faults = {
          lossRate: 0.1,
          burstLoss: { enterRate: 0.1, leaveRate: 0.5 },
          reorderRate: 0.1,
          duplicateRate: 0.1,
          jitterMs: 4,
        };
        const link = model({ rateBitsPerSecond: 1e6, queueBytes: 5000, ...faults }, seed);
        let now = 0;
        let out = 0;
        const check = (): void => {
          const { packetsIn, packetsOut, duplicated, dropped, packetsInside, queueBytes } = link.stats();
          const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
          expect(packetsOut).toBe(out);
          expect(packetsIn + duplicated).toBe(packetsOut + lost + packetsInside);
          expect(queueBytes).toBeGreaterThanOrEqual(0);
        };
        for (const one of steps) {
          if (one.kind === 'send') link.enqueue(1, one.bytes, now);
          else if (one.kind === 'wait') out += drain(link, (now += one.ms)).length;
          else if (one.kind === 'configure')
            link.configure(
              applyOptions(link.settings, { rateBitsPerSecond: one.rateBitsPerSecond, delayMs: one.delayMs }),
              now,
            );
          else if (one.kind === 'cut') link.cut(now);
          else link.heal();
          check();
        }
        out += drain(link).length;
        check();
        expect(link.stats()).toMatchObject({ packetsInside: 0, queueBytes: 0 });
      }),
    );
  });

  test('memory is bounded whatever delay is asked for', () => {
    const link = model({ delayMs: 1e6 });
    let refused: string | undefined;
    for (let item = 0; item < 300_000 && refused === undefined; item++) refused = link.enqueue(item, 1, 0);
    expect(refused).toBe('overflow');
  });
});

describe('options', () => {
  test.each<LinkDirectionOptions>([
    { rateBitsPerSecond: 0 },
    { rateBitsPerSecond: NaN },
    { delayMs: -1 },
    { lossRate: 1.5 },
    { queueBytes: -1 },
    { burstLoss: { enterRate: 2, leaveRate: 0 } },
    { jitterDistribution: 'weird' as 'uniform' },
  ])('%j is refused', (options) => {
    expect(() => resolveShape({ down: options })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
  });

  test('a direction goes over both, and undefined is left out', () => {
    const both = { rateBitsPerSecond: 5, delayMs: 7 };
    const shape = resolveShape({
      both,
      up: { rateBitsPerSecond: 6, delayMs: undefined } as unknown as LinkDirectionOptions,
    });
    expect(shape.up).toMatchObject({ rateBitsPerSecond: 6, delayMs: 7 });
    expect(shape.down).toMatchObject(both);
  });
});

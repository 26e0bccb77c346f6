import fc from 'fast-check';
import { toPathId, toStreamId, type PathSnapshot, type ScheduleRequest } from '@kwik/wire';

/** A healthy path of 20 Mbit/s and 20 ms with nothing in flight, but for what is said. */
export function snapshot(id: number, changes: Partial<PathSnapshot> = {}): PathSnapshot {
  return {
    id: toPathId(id),
    state: 'active',
    primary: id === 0,
    rttMs: 20,
    rttVarMs: 2,
    minRttMs: 20,
    windowBytes: 100_000,
    inFlightBytes: 0,
    queuedBytes: 0,
    sendableBytes: 100_000,
    deliveryRateBytesPerSecond: 2_500_000,
    lossRate: 0,
    weight: 1,
    datagramBytes: 1200,
    ...changes,
  };
}

/** The same path when its window is full. */
export function busy(path: PathSnapshot): PathSnapshot {
  return { ...path, inFlightBytes: path.windowBytes, sendableBytes: 0 };
}

export function request(changes: Partial<ScheduleRequest> = {}): ScheduleRequest {
  return {
    streamId: toStreamId(0n),
    intent: { mode: 'bulk' },
    pendingBytes: 1_000_000,
    priority: 3,
    kind: 'data',
    windowBytes: 16_000_000,
    exclude: [],
    ...changes,
  };
}

const arbitrarySnapshot: fc.Arbitrary<Omit<PathSnapshot, 'id' | 'primary'>> = fc.record({
  state: fc.constantFrom('active' as const, 'active' as const, 'degraded' as const, 'suspected' as const),
  rttMs: fc.oneof(fc.constant(0), fc.double({ min: 0.05, max: 800, noNaN: true })),
  rttVarMs: fc.double({ min: 0, max: 200, noNaN: true }),
  minRttMs: fc.double({ min: 0, max: 400, noNaN: true }),
  windowBytes: fc.integer({ min: 0, max: 4_000_000 }),
  inFlightBytes: fc.integer({ min: 0, max: 4_000_000 }),
  queuedBytes: fc.integer({ min: 0, max: 200_000 }),
  sendableBytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 4_000_000 })),
  deliveryRateBytesPerSecond: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200_000_000 })),
  lossRate: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  weight: fc.integer({ min: 0, max: 10 }),
  datagramBytes: fc.integer({ min: 1000, max: 16_000 }),
});

/** One to six paths with different ids and every kind of figure a session could report. */
export const arbitraryPaths: fc.Arbitrary<PathSnapshot[]> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 40 }), arbitrarySnapshot), { minLength: 1, maxLength: 6 })
  .map((list) => {
    const byId = new Map(list.map(([id, rest]) => [id, { ...rest, id: toPathId(id), primary: id === 0 }]));
    return [...byId.values()];
  });

/** A request that excludes some of `paths`, and perhaps paths that are gone. */
export function arbitraryRequest(paths: readonly PathSnapshot[]): fc.Arbitrary<ScheduleRequest> {
  return fc.record({
    streamId: fc.constant(toStreamId(4n)),
    intent: fc.constant({ mode: 'bulk' as const }),
    pendingBytes: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 50_000_000 })),
    priority: fc.integer({ min: 0, max: 7 }),
    kind: fc.constantFrom('data' as const, 'retransmission' as const, 'reinjection' as const),
    windowBytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 16_000_000 })),
    exclude: fc.oneof(fc.constant([]), fc.subarray([...paths.map((path) => path.id), toPathId(99)])),
  });
}

import { describe, expect, it } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { ContentWorld, type ServerShape, type WorldReport, type WorldShape } from '../../test-support/content-world.js';

const UNTIL_MS = 60_000;

const base: WorldShape = {
  size: 2_000_000,
  blockBytes: 16 * 1024,
  windowBytes: 1_000_000,
  readerBytesPerSecond: 100_000_000,
  digestEveryMs: 2,
  servers: [
    { bytesPerSecond: 2_000_000, rttMs: 20 },
    { bytesPerSecond: 1_000_000, rttMs: 40 },
    { bytesPerSecond: 500_000, rttMs: 60 },
  ],
};

function run(shape: WorldShape): WorldReport {
  const report = new ContentWorld(shape).run(UNTIL_MS);
  expect(report.faults).toEqual([]);
  expect(report.complete).toBe(true);
  expect(report.exact).toBe(true);
  return report;
}

function withServer(index: number, change: Partial<ServerShape>): WorldShape {
  return { ...base, servers: base.servers.map((server, at) => (at === index ? { ...server, ...change } : server)) };
}

/** Bytes that came for nothing. */
function wasted(report: WorldReport, shape: WorldShape = base): number {
  return report.arrivedBytes - shape.size;
}

const server = fc.record({
  bytesPerSecond: fc.integer({ min: 50_000, max: 5_000_000 }),
  rttMs: fc.integer({ min: 1, max: 200 }),
});

/** One thing that goes wrong with a secondary. */
const trouble: fc.Arbitrary<Partial<ServerShape>> = fc.oneof(
  fc.constant({}),
  fc.integer({ min: 1, max: 1500 }).map((diesAtMs) => ({ diesAtMs })),
  fc.integer({ min: 1, max: 7 }).map((every) => ({ falsifies: (block: number) => block % every === 0 })),
  fc.constant({ refuses: true }),
  fc.constant({ refusesRanges: true }),
  fc.integer({ min: 0, max: 1500 }).map((silentFromMs) => ({ silentFromMs })),
  fc.integer({ min: 2, max: 9 }).map((every) => ({ skips: (request: number) => request % every === 1 })),
);

describe('ContentReceiver before simulated servers', () => {
  it('uses all three servers together', () => {
    const report = run(base);
    // 3.5 MB/s together; the tail, the start and the estimates may take a fifth.
    expect(report.endedMs).toBeLessThan((2_000_000 / 3_500_000) * 1000 * 1.2 + 60);
    expect(wasted(report)).toBeLessThan(0.1 * base.size);
    expect(report.violations).toEqual([]);
  });

  it('loses time and no byte when a server dies', () => {
    const report = run(withServer(1, { diesAtMs: 200 }));
    expect(report.endedMs).toBeLessThan(1200);
    expect(wasted(report)).toBeLessThan(0.15 * base.size);
  });

  it('lets the primary die, once the digests are here', () => {
    run({ ...withServer(0, { diesAtMs: 250 }), digestEveryMs: 0 });
  });

  it('names the server that lies, and nobody else, and fetches its blocks elsewhere', () => {
    const report = run(withServer(2, { falsifies: (block) => block % 3 === 0 }));
    expect(new Set(report.violations.map((violation) => violation.pathId))).toEqual(new Set([toPathId(2)]));
  });

  it('asks a server that refuses the content no more', () => {
    const report = run(withServer(1, { refuses: true }));
    expect(report.requests.get(toPathId(1))).toBeLessThan(10);
  });

  it('does not ask in circles where every range is refused', () => {
    const report = run({ ...withServer(1, { refusesRanges: true }), size: 4_000_000 });
    expect(report.requests.get(toPathId(1))).toBeLessThan(40);
  });

  it('passes over a server that is alive and sends nothing: once, not once per window', () => {
    const shape = { ...withServer(1, { silentFromMs: 0 }), size: 8_000_000 };
    const report = run(shape);
    const alone = (shape.size / 2_500_000) * 1000;
    expect(report.endedMs).toBeLessThan(alone + 1000 + 500 * Math.log2(shape.size / base.windowBytes));
  });

  it('asks again for what a server passed over', () => {
    run(withServer(0, { skips: (request) => request === 3 }));
    run({ ...base, servers: [{ ...base.servers[0]!, skips: (request) => request % 5 === 0 }] });
  });

  it('waits for a slow reader, and asks for nothing beyond its window', () => {
    const report = run({ ...base, windowBytes: 100_000, readerBytesPerSecond: 800_000 });
    expect(report.endedMs).toBeGreaterThan(2200);
    expect(wasted(report)).toBeLessThan(0.1 * base.size);
  });

  it('completes exactly, whatever the servers are and whatever happens to the secondaries', () => {
    fc.assert(
      fc.property(
        server,
        fc.array(fc.tuple(server, trouble), { maxLength: 4 }),
        fc.integer({ min: 0, max: 800_000 }),
        fc.constantFrom(4096, 16_384, 65_536),
        fc.integer({ min: 70_000, max: 2_000_000 }),
        fc.constantFrom(300_000, 100_000_000),
        fc.integer({ min: 0, max: 30 }),
        (primary, others, size, blockBytes, windowBytes, readerBytesPerSecond, digestEveryMs) => {
          const servers = [primary, ...others.map(([shape, change]) => ({ ...shape, ...change }))];
          const report = run({ size, blockBytes, windowBytes, readerBytesPerSecond, digestEveryMs, servers });
          const liars = servers.flatMap(({ falsifies }: ServerShape, index) =>
            falsifies === undefined ? [] : [index],
          );
          for (const { pathId } of report.violations) expect(liars).toContain(pathId);
        },
      ),
      { numRuns: 30, endOnFailure: true },
    );
  });

  it('wastes little, and is not slower than the best server alone, when nothing goes wrong', () => {
    fc.assert(
      fc.property(
        fc.array(server, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 300_000, max: 1_000_000 }),
        (servers, size) => {
          const shape: WorldShape = { ...base, servers, size, windowBytes: 16_000_000 };
          const together = run(shape);
          const alone = Math.min(...servers.map((only) => run({ ...shape, servers: [only] }).endedMs));
          // To find out that a server is slow, and to fetch its blocks elsewhere, takes a round trip.
          const roundTripMs = Math.max(...servers.map(({ rttMs }) => rttMs));
          expect(together.endedMs).toBeLessThan(alone * 1.1 + 50 + roundTripMs);
          expect(wasted(together, shape)).toBeLessThan(0.15 * size + 16 * base.blockBytes);
        },
      ),
      { numRuns: 10, endOnFailure: true },
    );
  });
});

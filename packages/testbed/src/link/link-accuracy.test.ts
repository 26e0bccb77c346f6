import { afterAll, expect, test } from '@jest/globals';

import { UdpProbe, type Arrival } from '../test-support/udp-probe.js';
import { createLinks } from './create-links.js';
import type { LinkDirectionOptions } from './link-options.js';

/**
 * The promise: 2 % of the rate at 50 Mbit/s and 1 ms of delay. On a machine that others use, a measurement during which
 * the probe or the link was not scheduled says nothing, so each is repeated a few times; an emulator that is wrong is
 * wrong each time.
 */
const ATTEMPTS = 15;
const PAYLOAD_BYTES = 1350;
const OVERHEAD_BYTES = 28;

const probe = await UdpProbe.start();
afterAll(() => probe.close());

/** The smallest error of a few attempts, stopping at the first that is good enough. */
async function bestOf(goodEnough: number, measure: () => Promise<number>): Promise<number> {
  let best = Infinity;
  for (let attempt = 0; attempt < ATTEMPTS && best > goodEnough; attempt++) best = Math.min(best, await measure());
  return best;
}

async function through<T>(
  options: LinkDirectionOptions,
  isolated: boolean,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const set = await createLinks(
    { link: { target: { host: '127.0.0.1', port: probe.port }, up: options } },
    { isolated },
  );
  try {
    const { port } = set.links.link;
    // A link's first datagrams meet code that was never run, and open the client's socket.
    await probe.run({ port, count: 20, bytes: PAYLOAD_BYTES, intervalMs: 1, waitMs: 300 });
    return await use(port);
  } finally {
    await set.close();
  }
}

/** Bit/s, headers counted, between the first and the last arrival. */
function rateOf(arrivals: readonly Arrival[]): number {
  const spanMs = (arrivals.at(-1)?.receivedMs ?? 0) - (arrivals[0]?.receivedMs ?? 0);
  return ((arrivals.length - 1) * (PAYLOAD_BYTES + OVERHEAD_BYTES) * 8000) / spanMs;
}

/** Half a millisecond of doubt about when a datagram was read makes it useless for a claim of one. */
function delaysOf(arrivals: readonly Arrival[]): number[] {
  const sharp = arrivals.filter(({ blurMs }) => blurMs < 0.5);
  return sharp.map(({ sentMs, receivedMs }) => receivedMs - sentMs).sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Infinity;
}

test.each([
  { rateBitsPerSecond: 50e6, isolated: true },
  { rateBitsPerSecond: 50e6, isolated: false },
  { rateBitsPerSecond: 5e6, isolated: true },
])(
  'the rate is $rateBitsPerSecond within 2 %, isolated: $isolated',
  async ({ rateBitsPerSecond, isolated }) => {
    const error = await bestOf(0.02, () =>
      through({ rateBitsPerSecond, delayMs: 10 }, isolated, async (port) => {
        const intervalMs = ((PAYLOAD_BYTES + OVERHEAD_BYTES) * 8000) / (rateBitsPerSecond * 1.15);
        const count = Math.round(600 / intervalMs);
        const arrivals = await probe.run({ port, count, bytes: PAYLOAD_BYTES, intervalMs, waitMs: 150 });
        return Math.abs(rateOf(arrivals) / rateBitsPerSecond - 1);
      }),
    );
    expect(error).toBeLessThanOrEqual(0.02);
  },
  60_000,
);

test.each([
  { delayMs: 25, isolated: true },
  { delayMs: 25, isolated: false },
  { delayMs: 3, isolated: true },
  { delayMs: 0, isolated: true },
])(
  'the median datagram is within 1 ms of $delayMs ms, isolated: $isolated',
  async ({ delayMs, isolated }) => {
    const error = await bestOf(1, () =>
      through({ delayMs }, isolated, async (port) => {
        // 3.3 ms apart, so that each meets an idle emulator, whose timer has to be on time.
        const arrivals = await probe.run({
          port,
          count: 120,
          bytes: PAYLOAD_BYTES,
          intervalMs: 3.3,
          waitMs: delayMs + 50,
        });
        const delays = delaysOf(arrivals);
        expect(arrivals).toHaveLength(120);
        // Never early; late by less than the promise.
        expect(delays[0]).toBeGreaterThanOrEqual(delayMs);
        return delays.length < 60 ? Infinity : quantile(delays, 0.5) - delayMs;
      }),
    );
    expect(error).toBeLessThanOrEqual(1);
  },
  60_000,
);

test('delay and rate hold together: a queue adds exactly its own time', async () => {
  // 20 packets at once: the n-th waits for n packets of 11.024 ms each at 1 Mbit/s.
  const packetMs = ((PAYLOAD_BYTES + OVERHEAD_BYTES) * 8000) / 1e6;
  const error = await bestOf(1, () =>
    through({ rateBitsPerSecond: 1e6, delayMs: 20 }, true, async (port) => {
      const arrivals = await probe.run({ port, count: 20, bytes: PAYLOAD_BYTES, intervalMs: 0, waitMs: 400 });
      expect(arrivals.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, sequence) => sequence));
      const firstMs = arrivals[0]?.sentMs ?? NaN;
      const late = arrivals.map(({ sequence, receivedMs }) => receivedMs - firstMs - 20 - (sequence + 1) * packetMs);
      return quantile(
        late.sort((a, b) => a - b),
        0.5,
      );
    }),
  );
  expect(error).toBeLessThanOrEqual(1);
}, 60_000);

import { afterAll, expect, test } from '@jest/globals';

import { UdpProbe, type Arrival } from '../test-support/udp-probe.js';
import { createLinks } from './create-links.js';
import type { LinkDirectionOptions } from './link-options.js';

/**
 * The promise: 2 % of the rate at 50 Mbit/s and 1 ms of delay. On a machine that others use some datagrams are late, because
 * the probe or the link was not scheduled, and none is early. So a measurement is judged by its promptest tenth: an emulator
 * that is wrong is wrong for all of them. A link in the thread of the tests is as late as that thread is busy: of it only
 * what lateness cannot excuse is tested.
 */
const PROMPT_SHARE = 0.1;
/** So long that a pause of the system is no large part of it. */
const SPAN_MS = 1500;
const TRIES = 5;
const PAYLOAD_BYTES = 1350;
const OVERHEAD_BYTES = 28;
const PACKET_BITS = (PAYLOAD_BYTES + OVERHEAD_BYTES) * 8;

const probe = await UdpProbe.start();
afterAll(() => probe.close());

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

const ascending = (a: number, b: number): number => a - b;

/** The promptest tenth is not later than this. */
function prompt(delays: readonly number[]): number {
  return [...delays].sort(ascending)[Math.floor(delays.length * PROMPT_SHARE)] ?? Infinity;
}

/**
 * By which share of its time a datagram takes too long that leaves right behind another; negative when the rate is too high.
 * Each is so late behind a first one at the right rate; what that grows by from the first quarter to the last is the error.
 */
function excess(arrivals: readonly Arrival[], packetMs: number): number {
  const late = arrivals.map(({ receivedMs }, index) => receivedMs - index * packetMs);
  const quarter = Math.floor(arrivals.length / 4);
  const growthMs = prompt(late.slice(3 * quarter, 4 * quarter)) - prompt(late.slice(0, quarter));
  return growthMs / (3 * quarter * packetMs);
}

test.each([
  { rateBitsPerSecond: 50e6, isolated: true },
  { rateBitsPerSecond: 50e6, isolated: false },
  { rateBitsPerSecond: 5e6, isolated: true },
])(
  'the rate is never more than 2 % above $rateBitsPerSecond, nor below in a thread of its own: $isolated',
  async ({ rateBitsPerSecond, isolated }) => {
    const packetMs = (PACKET_BITS * 1000) / rateBitsPerSecond;
    const count = Math.round(SPAN_MS / packetMs);
    // They come faster than they may leave, and the queue has room for all: it is not empty before the last.
    const shape = { rateBitsPerSecond, delayMs: 10, queueBytes: (count * PACKET_BITS) / 8 };
    const command = { count, bytes: PAYLOAD_BYTES, intervalMs: packetMs / 1.5, waitMs: SPAN_MS };
    let arrivals: readonly Arrival[] = [];
    // Who stands still for a moment loses what the socket's buffer has no room for: it is measured again.
    for (let tries = 0; tries < TRIES && arrivals.length <= 0.9 * count; tries++) {
      arrivals = await through(shape, isolated, (port) => probe.run({ port, ...command }));
    }
    expect(arrivals.length).toBeGreaterThan(0.9 * count);
    expect(excess(arrivals, packetMs)).toBeGreaterThanOrEqual(-0.02);
    if (isolated) expect(excess(arrivals, packetMs)).toBeLessThanOrEqual(0.02);
  },
  60_000,
);

test.each([
  { delayMs: 25, isolated: true },
  { delayMs: 25, isolated: false },
  { delayMs: 3, isolated: true },
  { delayMs: 0, isolated: true },
])(
  'datagrams are never earlier than $delayMs ms, nor 1 ms later in a thread of its own: $isolated',
  async ({ delayMs, isolated }) => {
    // 3.3 ms apart, so that each meets an idle emulator, whose timer has to be on time.
    const command = { count: 120, bytes: PAYLOAD_BYTES, intervalMs: 3.3, waitMs: delayMs + 50 };
    const arrivals = await through({ delayMs }, isolated, (port) => probe.run({ port, ...command }));
    expect(arrivals).toHaveLength(120);
    const delays = arrivals.map(({ sentMs, receivedMs }) => receivedMs - sentMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(delayMs);
    if (isolated) expect(prompt(delays)).toBeLessThanOrEqual(delayMs + 1);
  },
  60_000,
);

test('delay and rate hold together: a queue adds exactly its own time', async () => {
  // 20 packets at once: the n-th waits for n packets of 11.024 ms each at 1 Mbit/s.
  const packetMs = PACKET_BITS / 1000;
  const arrivals = await through({ rateBitsPerSecond: 1e6, delayMs: 20 }, true, (port) =>
    probe.run({ port, count: 20, bytes: PAYLOAD_BYTES, intervalMs: 0, waitMs: 400 }),
  );
  expect(arrivals.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, sequence) => sequence));
  const firstMs = arrivals[0]?.sentMs ?? NaN;
  const late = arrivals.map(({ sequence, receivedMs }) => receivedMs - firstMs - 20 - (sequence + 1) * packetMs);
  expect(Math.min(...late)).toBeGreaterThanOrEqual(-0.1);
  // All are as late as the link was at the first one. Behind that each waits for those before it, and no longer.
  expect(prompt(late.slice(10)) - prompt(late.slice(0, 10))).toBeLessThanOrEqual(1);
}, 60_000);

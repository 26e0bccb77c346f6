import { describe, expect, test } from '@jest/globals';
import { AckDelay } from './ack-delay.js';
import { BlockPool, ByteQueue } from './byte-queue.js';
import type { PathMemo } from './careful-resume.js';
import { PathSampler } from './path-sampler.js';
import { RttProbe } from './rtt-probe.js';
import { TrafficGuard } from './traffic-guard.js';
import { ClosingDatagram } from './close-info.js';
import { TurnSpacing } from './turn-spacing.js';
import type { BackendPathStats } from '../backends/backend.js';

const BLOCK = 16 * 1024;

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

describe('ByteQueue', () => {
  test.each([1, 2, 3, 4])('gives back what was pushed, whatever the pieces (seed %d)', (seed) => {
    const random = randomFrom(seed);
    const queue = new ByteQueue(new BlockPool());
    let model: Buffer = Buffer.alloc(0);
    for (let step = 0; step < 400; step += 1) {
      if (random(2) === 0) {
        const data = Buffer.alloc(random(random(4) === 0 ? 3 * BLOCK : 700));
        data.forEach((_, i) => (data[i] = random(256)));
        queue.push(data);
        model = Buffer.concat([model, data]);
      } else {
        const piece = queue.peek(1 + random(2 * BLOCK));
        expect(Buffer.compare(piece, model.subarray(0, piece.length))).toBe(0);
        const used = random(piece.length + 1);
        queue.consume(used);
        model = model.subarray(used);
      }
      expect(queue.length).toBe(model.length);
    }
  });

  test('what is pushed is a copy', () => {
    const queue = new ByteQueue(new BlockPool());
    const data = Uint8Array.of(1, 2, 3);
    queue.push(data);
    data.fill(9);
    expect(Array.from(queue.peek(10))).toEqual([1, 2, 3]);
  });

  test('blocks go back to the pool and are used again', () => {
    const pool = new BlockPool();
    const queue = new ByteQueue(pool);
    queue.push(new Uint8Array(BLOCK));
    const block = queue.peek(1).buffer;
    queue.clear();
    expect(queue.peek(1)).toHaveLength(0);
    expect(pool.take().buffer).toBe(block);
  });
});

describe('AckDelay', () => {
  test('waits for 8 datagrams or a millisecond', () => {
    const delay = new AckDelay();
    expect(delay.dueMs).toBe(Infinity);
    delay.received(4);
    delay.sent();
    for (let i = 0; i < 7; i += 1) delay.received(5);
    expect(delay.mayWait(5.5, 1000, 20)).toBe(true);
    expect(delay.dueMs).toBe(6);
    expect(delay.mayWait(6, 1000, 20)).toBe(false);
    expect(delay.mayWait(5.5, 130, 20)).toBe(false);
    delay.received(5.6);
    expect(delay.mayWait(5.6, 1000, 20)).toBe(false);
    delay.sent();
    expect(delay.mayWait(100, 1000, 20)).toBe(false);
    expect(delay.dueMs).toBe(Infinity);
  });

  test('what comes after a silence is acknowledged at once', () => {
    const delay = new AckDelay();
    delay.received(5);
    expect([delay.mayWait(5, 1000, 20), delay.dueMs]).toEqual([false, 5]);
    delay.sent();
    delay.received(56);
    expect([delay.mayWait(56, 1000, 20), delay.dueMs]).toEqual([false, 56]);
    delay.sent();
    delay.received(100);
    expect([delay.mayWait(100, 1000, 20), delay.dueMs]).toEqual([true, 101]);
  });
});

describe('TrafficGuard', () => {
  const WINDOW = 8 << 20;

  /** `count` packets, one each `everyMs`; `per` tells what each brought or followed. */
  function survives(
    count: number,
    everyMs: number,
    bytes: number,
    per: { delivered?: number; sentBytes?: number; sentPackets?: number },
  ): boolean {
    const guard = new TrafficGuard(WINDOW, 0);
    const { delivered = 0, sentBytes = 0, sentPackets = 0 } = per;
    for (let i = 1; i <= count; i += 1) {
      guard.onReceived(bytes);
      if (i % 20 !== 0) continue;
      const traffic = { deliveredBytes: i * delivered, sentBytes: i * sentBytes, sentPackets: i * sentPackets };
      if (guard.exceeded(traffic, i * everyMs)) return false;
    }
    return true;
  }

  test('data, full packets or tiny ones, is no flood', () => {
    expect(survives(300_000, 0.01, 1350, { delivered: 1300 })).toBe(true);
    expect(survives(300_000, 0.01, 70, { delivered: 25 })).toBe(true);
  });

  test('acknowledgements of what was sent are none', () => {
    expect(survives(300_000, 0.01, 55, { sentBytes: 1350, sentPackets: 1 })).toBe(true);
    expect(survives(300_000, 0.01, 300, { sentBytes: 13_500, sentPackets: 10 })).toBe(true);
  });

  test('keep-alives for a day are none', () => {
    expect(survives(864_000, 100, 60, {})).toBe(true);
  });

  test('unread data up to the window is none', () => {
    const guard = new TrafficGuard(WINDOW, 0);
    for (let received = 0; received < WINDOW; received += 1300) guard.onReceived(1350);
    expect(guard.exceeded({ deliveredBytes: 0, sentBytes: 0, sentPackets: 0 }, 1)).toBe(false);
  });

  test('bytes and packets that bring nothing are', () => {
    expect(survives(20_000, 0.1, 1350, {})).toBe(false);
    expect(survives(300_000, 0.1, 50, {})).toBe(false);
    // Also of one who sent much before: nothing is saved up.
    const guard = new TrafficGuard(WINDOW, 0);
    guard.exceeded({ deliveredBytes: 1e9, sentBytes: 1e9, sentPackets: 1e6 }, 1);
    for (let i = 0; i < 20_000; i += 1) guard.onReceived(1350);
    expect(guard.exceeded({ deliveredBytes: 1e9, sentBytes: 1e9, sentPackets: 1e6 }, 2)).toBe(true);
  });
});

describe('PathSampler', () => {
  const stats = { rttMs: 40, cwndBytes: 160_000, sentBytes: 3_000 } as BackendPathStats;

  test('tells what the path carries now and then, once it was seen full', () => {
    const known: PathMemo[] = [];
    const settings = { congestionControl: 'bbr', datagramBytes: 1350 } as const;
    const sampler = new PathSampler({ ...settings, onPathKnown: (path) => known.push(path) });
    sampler.record(stats, 0);
    sampler.known({ bandwidth: 0 }, 0);
    for (const now of [10, 20, 259, 260]) sampler.known({ bandwidth: 6_250 }, now);
    expect(known).toEqual([1, 2].map(() => ({ pipeBytes: 6_250 * 40.5, rttMs: 40.5 })));
    // Of another path it would be remembered for this one.
    sampler.moved();
    sampler.known({ bandwidth: 6_250 }, 1_000);
    expect(known).toHaveLength(2);
  });

  test('has pacing reckon with an ordinary first window where the path is known, whatever the handshake took', () => {
    const resumed = { pipeBytes: 160_000, rttMs: 40, onRetreat: () => undefined };
    const sampler = new PathSampler({ congestionControl: 'bbr', datagramBytes: 1350, resumed });
    sampler.record({ ...stats, lostBytes: 0 }, 0);
    expect(sampler.model(0, false).cwndBytes).toBe(40_500);
    sampler.record({ ...stats, sentBytes: 43_500, lostBytes: 0 }, 40);
    expect(sampler.model(0, false).cwndBytes).toBe(160_000);
  });

  const sample = (rttMs: number): BackendPathStats => ({
    rttMs,
    cwndBytes: 10_000,
    deliveryRateBytesPerSecond: 0,
    sentPackets: 0,
    receivedPackets: 0,
    lostPackets: 0,
    lostBytes: 0,
    sentBytes: 0,
    receivedBytes: 0,
    retransmittedBytes: 0,
  });

  test('knows no RTT before the first sample; the first one sets all three', () => {
    const sampler = new PathSampler();
    expect([sampler.rttMs, sampler.minRttMs, sampler.rttVarMs]).toEqual([0, 0, 0]);
    expect(sampler.older(0, 4)).toBe(true);
    sampler.record(sample(20), 0);
    expect([sampler.rttMs, sampler.minRttMs, sampler.rttVarMs]).toEqual([20.5, 20.5, 10.25]);
    expect(sampler.older(3, 4)).toBe(false);
    expect(sampler.older(4, 4)).toBe(true);
  });

  test('the variation falls on a steady path and rises on one that swings', () => {
    const sampler = new PathSampler();
    for (let now = 0; now < 1000; now += 4) sampler.record(sample(20), now);
    expect(sampler.rttVarMs).toBeLessThan(0.5);
    for (let now = 1000; now < 3000; now += 4) sampler.record(sample(now % 200 < 100 ? 20 : 60), now);
    expect(sampler.rttVarMs).toBeGreaterThan(8);
    expect(sampler.minRttMs).toBe(20.5);
  });

  test('believes its own count where the backend dates packets back, and goes below the lowest RTT step by step', () => {
    const sampler = new PathSampler();
    sampler.record(sample(240), 0);
    sampler.probe.sent(1000, 10);
    sampler.probe.settled(1000, 255);
    sampler.record(sample(800), 260);
    expect(sampler.rttMs).toBe(245);
    sampler.probe.sent(2000, 300);
    sampler.probe.settled(2000, 301);
    sampler.record(sample(800), 304);
    expect(sampler.rttMs).toBeGreaterThan(220);
    for (let round = 1; round <= 40; round++) {
      sampler.probe.sent(2000 + round, 300 + 8 * round);
      sampler.probe.settled(2000 + round, 302 + 8 * round);
      sampler.record(sample(800), 302 + 8 * round);
    }
    expect(sampler.rttMs).toBeLessThan(3);
    // Nothing was sent since: an idle path is as it was. Once what was sent is overdue, the backend's word is all there is.
    sampler.record(sample(700), 5000);
    expect(sampler.rttMs).toBeLessThan(3);
    sampler.probe.sent(3000, 5000);
    sampler.record(sample(700), 5101);
    expect(sampler.rttMs).toBe(700.5);
  });
});

describe('RttProbe', () => {
  test('takes the time from one datagram until all up to it is settled, and then the next', () => {
    const probe = new RttProbe();
    expect(probe.rttMs(0)).toBe(Infinity);
    probe.settled(0, 1);
    probe.sent(1000, 10);
    probe.sent(2000, 12);
    probe.settled(999, 40);
    expect(probe.rttMs(40)).toBe(Infinity);
    probe.settled(1500, 50);
    expect(probe.rttMs(50)).toBe(40);
    probe.sent(3000, 60);
    probe.settled(3000, 120);
    expect(probe.rttMs(120)).toBe(45);
    expect(probe.rttMs(10_000)).toBe(45);
    probe.sent(4000, 10_000);
    expect(probe.rttMs(10_000 + 4 * 45)).toBe(45);
    expect(probe.rttMs(10_000 + 4 * 45 + 1)).toBe(Infinity);
  });
});

describe('TurnSpacing', () => {
  test('the first packet for a while has its turn at once, the next within a tenth of the round trip', () => {
    const spacing = new TurnSpacing();
    const after = (now: number, minRttMs: number): number => {
      spacing.taken(100);
      return spacing.received(now, minRttMs);
    };
    expect(spacing.received(100, 20)).toBe(100);
    expect(after(100.5, 20)).toBe(102);
    expect(after(100.5, 15)).toBe(101.5);
    expect(after(102.5, 20)).toBe(102.5);
    // At most 2 ms; and none where timers could not keep it, nor before there is a round trip.
    expect(after(100.5, 600)).toBe(102);
    expect(after(100.5, 9)).toBe(100.5);
    expect(after(100.5, 0)).toBe(100.5);
  });

  test('the oldest packet without a turn counts', () => {
    const spacing = new TurnSpacing();
    spacing.taken(100);
    expect(spacing.dueMs).toBe(Infinity);
    spacing.received(100.5, 20);
    spacing.received(103, 20);
    expect(spacing.dueMs).toBe(102);
    spacing.taken(103);
    expect(spacing.dueMs).toBe(Infinity);
  });
});

describe('ClosingDatagram', () => {
  test('is sent again at the 1st, 2nd, 4th, 8th packet, and a copy of what was sent', () => {
    const closing = new ClosingDatagram();
    expect(closing.shouldResend()).toBe(false);
    const slot = Uint8Array.of(1, 2, 3, 4);
    closing.remember(slot, 3);
    slot.fill(0);
    expect(closing.last).toEqual(Uint8Array.of(1, 2, 3));
    const at = Array.from({ length: 20 }, (_, i) => [i + 2, closing.shouldResend()] as const);
    expect(at.filter(([, again]) => again).map(([packet]) => packet)).toEqual([2, 4, 8, 16]);
  });
});

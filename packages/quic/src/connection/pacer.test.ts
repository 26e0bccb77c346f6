import { describe, expect, test } from '@jest/globals';
import { Pacer } from './pacer.js';
import { BbrRate, type PathModel } from './pacing-rate.js';

const DATAGRAM = 1350;

function model(cwndBytes: number, rttMs: number, minRttMs = rttMs): PathModel {
  return { cwndBytes, rttMs, minRttMs, inFlightBytes: 0, deliveredBytes: 0, lostBytes: 0, pathLimited: true };
}

function pacedAt(cwndBytes: number, rttMs: number, now = 0): Pacer {
  const pacer = new Pacer(true, 'cubic', DATAGRAM, now);
  pacer.update(model(cwndBytes, rttMs), now);
  return pacer;
}

/** Bytes let through in `ms` when asked every `stepMs`, datagram by datagram. */
function throughput(pacer: Pacer, ms: number, stepMs: number): number {
  let sent = 0;
  for (let now = stepMs; now <= ms; now += stepMs) {
    while (pacer.budget(now) >= DATAGRAM) {
      pacer.consume(DATAGRAM, now);
      sent += DATAGRAM;
    }
  }
  return sent;
}

describe('the pacer', () => {
  test.each([1, 2])('keeps 1.25 times window per round trip, though asked only every %d ms', (stepMs) => {
    const pacer = pacedAt(50_000, 20);
    expect(pacer.rate).toBe(3125);
    const perMs = throughput(pacer, 1000, stepMs) / 1000;
    expect(perMs).toBeGreaterThan(3125 * 0.97);
    expect(perMs).toBeLessThan(3125 * 1.02);
  });

  test('a long datagram always fits a burst, and is paid for', () => {
    const pacer = pacedAt(2_000, 10);
    pacer.fit(16_000);
    expect(pacer.budget(1_000)).toBe(16_000);
    pacer.consume(16_000, 1_000);
    pacer.consume(16_000, 1_000);
    // At 250 bytes a millisecond both take 128 ms, less what the burst had saved up.
    expect(pacer.budget(1_064)).toBe(0);
  });

  test('never lets more than a few milliseconds or a few packets go at once', () => {
    const pacer = pacedAt(50_000, 20);
    expect(pacer.budget(10_000)).toBe(3 * 3125);
    const slow = pacedAt(3_000, 300);
    expect(slow.budget(10_000)).toBe(4 * DATAGRAM);
  });

  test('what could not wait is paid back, but not without end', () => {
    const pacer = pacedAt(50_000, 20);
    for (let i = 0; i < 100; i += 1) pacer.consume(DATAGRAM, 0);
    expect(pacer.budget(0)).toBe(-3 * 3125);
    expect(pacer.waitMs(DATAGRAM, 0)).toBeCloseTo((3 * 3125 + DATAGRAM) / 3125);
    expect(pacer.budget(4)).toBe(3125);
  });

  test('says how long to wait, and that is long enough', () => {
    const pacer = pacedAt(20_000, 40);
    pacer.consume(pacer.budget(0), 0);
    const waitMs = pacer.waitMs(DATAGRAM, 0);
    expect(waitMs).toBeGreaterThan(0);
    expect(pacer.budget(waitMs)).toBeGreaterThanOrEqual(DATAGRAM - 1e-6);
    expect(pacer.waitMs(DATAGRAM, waitMs)).toBeLessThan(1e-6);
  });

  test('lets all go before there is an RTT, on loopback, at rates beyond timers, and when it is switched off', () => {
    expect(new Pacer(true, 'cubic', DATAGRAM, 0).unlimited).toBe(true);
    expect(pacedAt(50_000, 0.5).unlimited).toBe(true);
    expect(pacedAt(5_000_000, 20).unlimited).toBe(true);
    const off = new Pacer(false, 'cubic', DATAGRAM, 0);
    off.update(model(50_000, 20), 0);
    expect(off.budget(0)).toBe(Infinity);
  });

  test('a loaded machine on loopback is still loopback', () => {
    const pacer = new Pacer(true, 'cubic', DATAGRAM, 0);
    pacer.update(model(200_000, 12, 0.5), 0);
    expect(pacer.unlimited).toBe(true);
  });

  test('a change of rate keeps what was earned, within the new burst', () => {
    const pacer = pacedAt(200_000, 20);
    expect(pacer.budget(100)).toBe(37_500);
    pacer.update(model(20_000, 20), 100);
    expect(pacer.budget(100)).toBe(4 * DATAGRAM);
  });

  test('a clock that stands still or runs back gives nothing', () => {
    const pacer = pacedAt(50_000, 20);
    pacer.consume(pacer.budget(50), 50);
    expect(pacer.budget(50)).toBe(0);
    expect(pacer.budget(40)).toBe(0);
  });

  test('who waited and was woken late makes up for some of it, not for all', () => {
    const pacer = pacedAt(50_000, 20);
    pacer.consume(pacer.budget(0), 0);
    pacer.forgive(1, 6);
    expect(pacer.budget(6)).toBe(5 * 3125 - 3125 + 3125);
    const stalled = pacedAt(50_000, 20);
    stalled.consume(stalled.budget(0), 0);
    stalled.forgive(1, 500);
    expect(stalled.budget(500)).toBe((3 + 8) * 3125);
    stalled.consume(stalled.budget(500), 500);
    expect(stalled.budget(1000)).toBe(3 * 3125);
  });
});

/** A link of a fixed rate with a queue, and a window as BBR sets it: driven by the rate under test, step by step. */
function runBbr(options: {
  rate: number;
  minRttMs: number;
  queueBytes: number;
  ms: number;
  /** Acknowledgements come so many milliseconds apart. */
  clumpMs?: number;
  /** By so much the lowest RTT is taken for less than it is. */
  lowMs?: number;
  /** At first the application has but so many bytes per millisecond. */
  scarce?: { perMs: number; untilMs: number };
}): {
  readonly utilization: number;
  readonly meanQueueMs: number;
  readonly lost: number;
} {
  const { rate, minRttMs, queueBytes, ms, scarce, clumpMs = 1, lowMs = 0 } = options;
  const bbr = new BbrRate();
  const bdp = rate * minRttMs;
  let [cwnd, queue, delivered, lost, credit, unacked] = [14_000, 0, 0, 0, 0, 0];
  const pipe: number[] = [];
  let [measured, measuredQueue] = [0, 0];
  let current = cwnd / minRttMs;
  for (let now = 0; now < ms; now += 1) {
    const inFlight = queue + unacked + pipe.reduce((sum, bytes) => sum + bytes, 0);
    credit = Math.min(credit + current, 4 * current);
    const offered = now < (scarce?.untilMs ?? 0) ? (scarce?.perMs ?? 0) : Infinity;
    const send = Math.max(0, Math.min(credit, cwnd - inFlight, offered));
    credit -= send;
    const dropped = Math.max(0, queue + send - queueBytes - rate);
    lost += dropped;
    queue += send - dropped;
    const served = Math.min(queue, rate);
    queue -= served;
    pipe.push(served);
    unacked += pipe.length > minRttMs ? (pipe.shift() ?? 0) : 0;
    const acked = now % clumpMs === 0 ? unacked : 0;
    unacked -= acked;
    delivered += acked;
    // As BBR does it: growing in start-up, then twice the bandwidth-delay product.
    cwnd = Math.min(cwnd + acked, 2 * bdp);
    if (now % 4 === 0) {
      const rttMs = minRttMs + queue / rate;
      const path = {
        ...model(cwnd, rttMs, minRttMs - lowMs),
        inFlightBytes: inFlight,
        deliveredBytes: delivered,
        lostBytes: lost,
      };
      current = bbr.rate(path, now);
    }
    if (now >= ms / 2) {
      measured += acked;
      measuredQueue += queue / rate;
    }
  }
  return { utilization: measured / (rate * (ms / 2)), meanQueueMs: measuredQueue / (ms / 2), lost };
}

describe('pacing for BBR', () => {
  test('fills the link and leaves its queue nearly empty, where the window alone would fill that', () => {
    const { utilization, meanQueueMs } = runBbr({ rate: 2500, minRttMs: 20, queueBytes: 125_000, ms: 8000 });
    expect(utilization).toBeGreaterThan(0.97);
    expect(meanQueueMs).toBeLessThan(8);
  });

  test('a lowest RTT that is a little too low does not drain the link dry', () => {
    const link = { rate: 2500, minRttMs: 20, queueBytes: 125_000, ms: 8000, clumpMs: 3, lowMs: 2 };
    const { utilization, meanQueueMs } = runBbr(link);
    expect(utilization).toBeGreaterThan(0.99);
    expect(meanQueueMs).toBeLessThan(10);
  });

  test('start-up ends after three round trips with a queue, although the smoothed RTT lags behind', () => {
    const bbr = new BbrRate();
    const path = { ...model(160_000, 30, 20), inFlightBytes: 160_000 };
    // The window is delivered in 64 ms. In start-up the rate is the window's.
    const endMs = [...Array(200).keys()].find((step) => {
      const now = 4 * step;
      return bbr.rate({ ...path, deliveredBytes: 2500 * now }, now) < (1.25 * 160_000) / 30;
    });
    expect(4 * endMs!).toBeLessThan(5 * 64);
  });

  test('a shallow queue: hardly a loss once the pipe is known', () => {
    const { utilization, lost } = runBbr({ rate: 2500, minRttMs: 50, queueBytes: 25_000, ms: 10_000 });
    expect(utilization).toBeGreaterThan(0.95);
    expect(lost).toBeLessThan(0.05 * 2500 * 10_000);
  });

  test('a slow link and a long one', () => {
    expect(runBbr({ rate: 125, minRttMs: 30, queueBytes: 20_000, ms: 8000 }).utilization).toBeGreaterThan(0.95);
    expect(runBbr({ rate: 2500, minRttMs: 200, queueBytes: 200_000, ms: 20_000 }).utilization).toBeGreaterThan(0.93);
  });

  test.each([20, 40, 80])('little to send at first is soon forgotten, at %d ms', (minRttMs) => {
    const scarce = { perMs: 625, untilMs: 8 * minRttMs };
    const { utilization } = runBbr({ rate: 6250, minRttMs, queueBytes: 400_000, ms: 3000 + 16 * minRttMs, scarce });
    expect(utilization).toBeGreaterThan(0.95);
  });

  test('an application with little to send teaches it nothing', () => {
    const bbr = new BbrRate();
    const idle = { ...model(50_000, 20), pathLimited: false };
    for (let now = 0; now < 5000; now += 4) bbr.rate({ ...idle, deliveredBytes: now }, now);
    expect(bbr.rate(idle, 5000)).toBe((1.25 * 50_000) / 20);
  });

  describe('a peer whose reader stands still', () => {
    /** A pipe of 2500 bytes/ms that is known, in `now` ms. */
    function known(): { readonly bbr: BbrRate; readonly path: PathModel; readonly now: number } {
      const bbr = new BbrRate();
      const path = { ...model(100_000, 20), inFlightBytes: 70_000 };
      let now = 0;
      for (; now < 1000; now += 4) bbr.rate({ ...path, deliveredBytes: 2500 * now }, now);
      return { bbr, path: { ...path, deliveredBytes: 2500 * now }, now };
    }

    test('its bandwidth is known once it was full, and not before', () => {
      expect(new BbrRate().bandwidth).toBe(0);
      expect(known().bbr.bandwidth).toBeCloseTo(2500, -2);
    });

    test.each([
      { name: 'nothing', perMs: 0 },
      { name: 'a trickle', perMs: 60 },
    ])("does not become the path's rate: $name is delivered while the window looks full", ({ perMs }) => {
      const { bbr, path, now: start } = known();
      const held = { ...path, inFlightBytes: path.cwndBytes };
      let rate = 0;
      for (let now = start; now < start + 5000; now += 4) {
        rate = bbr.rate({ ...held, deliveredBytes: held.deliveredBytes + perMs * (now - start) }, now);
      }
      expect(rate).toBeGreaterThan(0.7 * 2500);
    });

    test('a path that became slower in earnest is still followed', () => {
      const { bbr, path, now: start } = known();
      // A quarter of the rate: the window is full, and the round trip grows to what it takes to deliver it.
      const slower = { ...path, inFlightBytes: path.cwndBytes, rttMs: path.cwndBytes / 625 };
      let rate = Infinity;
      for (let now = start; now < start + 5000; now += 4) {
        rate = bbr.rate({ ...slower, deliveredBytes: slower.deliveredBytes + 625 * (now - start) }, now);
      }
      expect(rate).toBeLessThan(1.3 * 625);
    });

    test('whatever was measured, some datagrams may go in each round trip', () => {
      const { bbr, path, now: start } = known();
      let rate = Infinity;
      for (let now = start; now < start + 5000; now += 4) rate = bbr.rate({ ...path, inFlightBytes: 0 }, now);
      expect(rate).toBeGreaterThanOrEqual(4800 / 20);
    });
  });
});

import { describe, expect, test } from '@jest/globals';
import { Pacer } from './pacer.js';

const DATAGRAM = 1350;

function pacedAt(cwndBytes: number, rttMs: number, now = 0): Pacer {
  const pacer = new Pacer(true, DATAGRAM, now);
  pacer.update(cwndBytes, rttMs, rttMs, now);
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
    expect(new Pacer(true, DATAGRAM, 0).unlimited).toBe(true);
    expect(pacedAt(50_000, 0.5).unlimited).toBe(true);
    expect(pacedAt(5_000_000, 20).unlimited).toBe(true);
    const off = new Pacer(false, DATAGRAM, 0);
    off.update(50_000, 20, 20, 0);
    expect(off.budget(0)).toBe(Infinity);
  });

  test('a loaded machine on loopback is still loopback', () => {
    const pacer = new Pacer(true, DATAGRAM, 0);
    pacer.update(200_000, 12, 0.5, 0);
    expect(pacer.unlimited).toBe(true);
  });

  test('a change of rate keeps what was earned, within the new burst', () => {
    const pacer = pacedAt(200_000, 20);
    expect(pacer.budget(100)).toBe(37_500);
    pacer.update(20_000, 20, 20, 100);
    expect(pacer.budget(100)).toBe(4 * DATAGRAM);
  });

  test('a clock that stands still or runs back gives nothing', () => {
    const pacer = pacedAt(50_000, 20);
    pacer.consume(pacer.budget(50), 50);
    expect(pacer.budget(50)).toBe(0);
    expect(pacer.budget(40)).toBe(0);
  });
});

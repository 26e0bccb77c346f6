import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { runBottleneck } from '../test-support/bottleneck.js';
import { InFlightWindow, INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from './in-flight-window.js';

const constant = (value: number) => (): number => value;

describe('InFlightWindow', () => {
  test('counts what is in flight, and lets one piece of any size onto an empty path', () => {
    const window = new InFlightWindow();
    expect([window.windowBytes, window.availableBytes]).toEqual([INITIAL_WINDOW_BYTES, INITIAL_WINDOW_BYTES]);
    expect(window.canSend(1e9)).toBe(true);
    window.onSent(INITIAL_WINDOW_BYTES - 100);
    expect([window.canSend(100), window.canSend(101), window.availableBytes]).toEqual([true, false, 100]);
    window.onSent(1000);
    expect([window.availableBytes, window.inFlightBytes]).toEqual([0, INITIAL_WINDOW_BYTES + 900]);
    window.onAcked(1e9, undefined, 5);
    expect(window.inFlightBytes).toBe(0);
  });

  test('a lost path leaves nothing behind', () => {
    const window = new InFlightWindow();
    runBottleneck(window, 1500, { rate: constant(12_500), rttMs: constant(40) });
    expect([window.windowBytes > 500_000, window.inFlightBytes > 0, window.inSlowStart]).toEqual([true, true, false]);
    window.onLostPath();
    expect([window.windowBytes, window.inFlightBytes, window.deliveryRateBytesPerSecond]).toEqual([
      INITIAL_WINDOW_BYTES,
      0,
      0,
    ]);
    expect(window.inSlowStart).toBe(true);
  });

  test('refuses bounds that contradict each other', () => {
    expect(() => new InFlightWindow({ minBytes: 10, initialBytes: 5 })).toThrow();
    expect(() => new InFlightWindow({ initialBytes: 10, maxBytes: 5 })).toThrow();
  });

  test('stays within its bounds, whatever is reported', () => {
    const event = fc.record({
      bytes: fc.integer({ min: 0, max: 100_000 }),
      rttMs: fc.option(fc.double({ min: 0, max: 5000, noNaN: true }), { nil: undefined }),
      waitMs: fc.double({ min: 0, max: 3000, noNaN: true }),
      send: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const window = new InFlightWindow();
        let now = 0;
        for (const { bytes, rttMs, waitMs, send } of events) {
          now += waitMs;
          if (send && window.canSend(bytes)) window.onSent(bytes);
          else window.onAcked(bytes, rttMs, now);
          expect(window.windowBytes).toBeGreaterThanOrEqual(MIN_WINDOW_BYTES);
          expect(window.windowBytes).toBeLessThanOrEqual(MAX_WINDOW_BYTES);
          expect(window.inFlightBytes).toBeGreaterThanOrEqual(0);
          expect(window.availableBytes).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

// The window alone before a link with an endless queue: nothing else holds the sender back.
describe('InFlightWindow before a bottleneck', () => {
  test.each([
    { mbits: 1, rttMs: 1 },
    { mbits: 5, rttMs: 5 },
    { mbits: 20, rttMs: 20 },
    { mbits: 20, rttMs: 100 },
    { mbits: 100, rttMs: 40 },
  ])(
    '$mbits Mbit/s, $rttMs ms: fills the link, and queues a round trip and the lateness of acknowledgements',
    (link) => {
      const rate = link.mbits * 125;
      const report = runBottleneck(new InFlightWindow(), 6000, { rate: constant(rate), rttMs: constant(link.rttMs) });
      expect(report.rateFrom(2000)).toBeGreaterThan(0.98 * rate);
      expect(report.queueFrom(3000)).toBeLessThan(link.rttMs + 2 * 25 + 30);
    },
  );

  test('reaches 100 Mbit/s over 40 ms within 400 ms', () => {
    const report = runBottleneck(new InFlightWindow(), 500, { rate: constant(12_500), rttMs: constant(40) });
    expect(report.rateFrom(400)).toBeGreaterThan(0.95 * 12_500);
  });

  test('follows a rate that rises and falls tenfold', () => {
    const rate = (now: number): number => (now < 3000 ? 1250 : now < 7000 ? 12_500 : 1250);
    const risen = runBottleneck(new InFlightWindow(), 7000, { rate, rttMs: constant(40) });
    expect(risen.rateFrom(4000)).toBeGreaterThan(0.95 * 12_500);
    const fallen = runBottleneck(new InFlightWindow(), 14_000, { rate, rttMs: constant(40) });
    expect(fallen.rateFrom(10_000)).toBeGreaterThan(0.95 * 1250);
    expect(fallen.queueFrom(12_000)).toBeLessThan(40 + 2 * 25 + 30);
  });

  test('recovers after the path grew longer, by measuring the RTT anew', () => {
    const rttMs = (now: number): number => (now < 3000 ? 20 : 120);
    const report = runBottleneck(new InFlightWindow(), 26_000, { rate: constant(1250), rttMs });
    expect(report.rateFrom(15_000)).toBeGreaterThan(0.95 * 1250);
    expect(report.queueFrom(20_000)).toBeLessThan(2 * 120 + 2 * 25);
  });

  test('does not take its own standing queue for a longer path', () => {
    const report = runBottleneck(new InFlightWindow(), 45_000, { rate: constant(625), rttMs: constant(40) });
    expect(report.queueFrom(30_000)).toBeLessThan(40 + 2 * 25 + 40);
    expect(report.rateFrom(5000)).toBeGreaterThan(0.97 * 625);
  });

  test('an application that sends little neither opens nor closes the window', () => {
    const window = new InFlightWindow();
    const report = runBottleneck(window, 5000, { rate: constant(12_500), rttMs: constant(40), appRate: 200 });
    expect([window.windowBytes, window.inSlowStart]).toEqual([INITIAL_WINDOW_BYTES, true]);
    expect(report.rateFrom(1000)).toBeGreaterThan(0.98 * 200);
  });
});

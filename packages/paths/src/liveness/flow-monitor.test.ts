import { describe, expect, test } from '@jest/globals';
import { FlowMonitor } from './flow-monitor.js';

const RTT_MS = 100;

/** Receipts every `everyMs` from 0 up to `untilMs`, of data that was asked for. */
function flowing(untilMs: number, everyMs = 2, monitor = new FlowMonitor()): FlowMonitor {
  monitor.expect(true);
  for (let now = 0; now <= untilMs; now += everyMs) monitor.onReceived(now, RTT_MS);
  return monitor;
}

/** Runs the timers as they come; when a stall began, if it did. */
function stallAt(monitor: FlowMonitor, untilMs = 10_000): number | undefined {
  for (let due = monitor.nextTimeoutMs(); due !== undefined && due <= untilMs; due = monitor.nextTimeoutMs()) {
    if (monitor.handleTimeout(due, RTT_MS)) return due;
  }
  return undefined;
}

describe('FlowMonitor', () => {
  test('a flow that stops is stalled after 25 ms and a second look, once, until something comes', () => {
    const monitor = flowing(100);
    expect([stallAt(monitor), monitor.stalled]).toEqual([100 + 25 + 4, true]);
    expect(monitor.nextTimeoutMs()).toBeUndefined();
    expect(monitor.onReceived(140, RTT_MS)).toBe(true);
    expect([monitor.stalled, monitor.onReceived(142, RTT_MS)]).toEqual([false, false]);
  });

  test('what came while this process stood still is read before anything follows from its absence', () => {
    const monitor = flowing(100);
    // The timer is late, and the socket is read after it.
    expect(monitor.handleTimeout(160, RTT_MS)).toBe(false);
    expect(monitor.nextTimeoutMs()).toBe(164);
    monitor.onReceived(161, RTT_MS);
    expect(monitor.handleTimeout(164, RTT_MS)).toBe(false);
    expect(monitor.stalled).toBe(false);
  });

  test('a flow that comes in fits and starts is given the time that it takes', () => {
    const monitor = new FlowMonitor();
    monitor.expect(true);
    for (let now = 0, index = 0; index < 200; now += index % 2 === 0 ? 5 : 45, index++) monitor.onReceived(now, RTT_MS);
    // Its distances differ by 20 ms from their mean of 25.
    expect(monitor.nextTimeoutMs()! - 200 * 25).toBeGreaterThan(100);
  });

  test('a pause that proved nothing is believed less for a while', () => {
    const monitor = flowing(100);
    expect(stallAt(monitor)).toBe(129);
    for (let now = 160; now <= 260; now += 2) monitor.onReceived(now, RTT_MS);
    // 60 ms, and a quarter more.
    expect(monitor.nextTimeoutMs()! - 260).toBeGreaterThan(70);
    for (let now = 262; now <= 20_260; now += 2) monitor.onReceived(now, RTT_MS);
    expect(monitor.nextTimeoutMs()! - 20_260).toBeCloseTo(25);
  });

  test('an outage teaches nothing about the flow', () => {
    const monitor = flowing(100);
    expect(stallAt(monitor)).toBe(129);
    for (let now = 1400; now <= 1500; now += 2) monitor.onReceived(now, RTT_MS);
    expect(stallAt(monitor)).toBe(1529);
  });

  test('nothing is awaited: neither before there is a flow, nor after it has brought all', () => {
    const monitor = flowing(20);
    expect(monitor.nextTimeoutMs()).toBeUndefined();
    flowing(100, 2, monitor);
    monitor.expect(false);
    expect(monitor.nextTimeoutMs()).toBeUndefined();
    // A new wait begins with a new flow.
    monitor.expect(true);
    expect(monitor.nextTimeoutMs()).toBeUndefined();
  });

  test('acknowledgements are a flow while what they answer was sent all the time', () => {
    const sendAndHear = (sendUntilMs: number): FlowMonitor => {
      const monitor = new FlowMonitor();
      monitor.unacknowledged(true);
      for (let now = 0; now <= 300; now += 2) {
        if (now <= sendUntilMs) monitor.onSent(now);
        if (now >= RTT_MS) monitor.onReceived(now, RTT_MS);
      }
      return monitor;
    };
    // Sending stopped a round trip before: there is nothing to be answered.
    expect(stallAt(sendAndHear(205))).toBeUndefined();
    expect(stallAt(sendAndHear(300))).toBe(329);
    const monitor = sendAndHear(300);
    monitor.unacknowledged(false);
    expect(monitor.nextTimeoutMs()).toBeUndefined();
  });
});

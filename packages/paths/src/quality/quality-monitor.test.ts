import { describe, expect, it } from '@jest/globals';
import { QualityMonitor, type QualitySample } from './quality-monitor.js';

/** A second of traffic per call: `lost` of 100 packets, at the given RTT. */
function traffic(monitor: QualityMonitor, minRttMs = 20): (lost: number, rttMs?: number) => string | undefined {
  let sample: QualitySample = { sentPackets: 0, lostPackets: 0, rttMs: minRttMs, minRttMs };
  let now = 0;
  return (lost, rttMs = minRttMs) => {
    now += 1000;
    sample = { sentPackets: sample.sentPackets + 100, lostPackets: sample.lostPackets + lost, rttMs, minRttMs };
    const verdict = monitor.sample(sample, now);
    return verdict?.kind === 'degrade' ? verdict.reason : verdict?.kind;
  };
}

describe('QualityMonitor', () => {
  it('finds loss that no congestion control causes, and that it is over after two good seconds', () => {
    const monitor = new QualityMonitor(0);
    const second = traffic(monitor);
    expect([second(2), second(9)]).toEqual([undefined, undefined]);
    expect(second(25)).toBe('25 % of its packets are lost');
    expect(monitor.lossRate).toBe(0.25);
    expect([second(30), second(0), second(8), second(0), second(0), second(0)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'clear',
      undefined,
    ]);
  });

  it('finds a queue of several round trips, but not the jitter of a short one', () => {
    expect(traffic(new QualityMonitor(0), 2)(0, 90)).toBeUndefined();
    const second = traffic(new QualityMonitor(0), 50);
    expect(second(0, 240)).toBeUndefined();
    expect(second(0, 400)).toBe('its RTT rose from 50 to 400 ms');
    expect([second(0, 160), second(0, 90), second(0, 60)]).toEqual([undefined, undefined, 'clear']);
  });

  it('judges nothing by a handful of packets, nor before a second has passed', () => {
    const monitor = new QualityMonitor(0);
    expect(monitor.sample({ sentPackets: 100, lostPackets: 90, rttMs: 1, minRttMs: 1 }, 900)).toBeUndefined();
    expect(monitor.sample({ sentPackets: 10, lostPackets: 9, rttMs: 1, minRttMs: 1 }, 1000)).toBeUndefined();
    expect(monitor.lossRate).toBe(0);
  });
});

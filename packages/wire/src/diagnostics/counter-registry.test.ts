import { describe, expect, it } from '@jest/globals';
import type { PathReading, SessionReading, Traffic } from '../contracts/counters.js';
import { CounterRegistry, CountSums, OTHERS, sumTraffic, TrafficSums } from './counter-registry.js';

const TRAFFIC: Traffic = {
  sentBytes: 1,
  receivedBytes: 2,
  duplicateBytes: 3,
  reinjectedBytes: 4,
  wireSentBytes: 5,
  wireReceivedBytes: 6,
  sentPackets: 7,
  lostPackets: 8,
};

const session = (server: string): SessionReading => ({
  sessionId: 'one',
  role: 'client',
  openedAtMs: 0,
  nowMs: 1,
  streams: 1,
  paths: [{ ...TRAFFIC, server } as PathReading],
  service: { level: 'full', reason: '' },
  lost: () => [],
  departed: new Map([[server, TRAFFIC]]),
  counts: { failovers: { dead: 1 } },
});

describe('CounterRegistry', () => {
  it('reads a source when it leaves, once, and never before', () => {
    const counters = new CounterRegistry();
    let reads = 0;
    const read = (): SessionReading => {
      reads += 1;
      return session('north');
    };
    const leave = counters.add({ kind: 'session', role: 'client', read });
    expect([counters.size, reads]).toEqual([1, 0]);
    leave();
    leave();
    expect([counters.size, reads]).toEqual([0, 1]);
    expect(counters.departed.counts.families.get('failovers')).toEqual(new Map([['dead', 1]]));
    expect(counters.departed.traffic.client.byServer.get('north')).toEqual({ ...TRAFFIC, ...doubled() });
  });

  it('sums a session as it is, with the paths that are gone', () => {
    const into = { client: new TrafficSums(), primary: new TrafficSums(), secondary: new TrafficSums() };
    sumTraffic(into, session('north'));
    expect(into.client.byServer.get('north')).toEqual(doubled());
    expect(into.primary.byServer.size).toBe(0);
  });

  it('is bounded, whatever names peers give themselves', () => {
    const traffic = new TrafficSums();
    const counts = new CountSums();
    for (let peer = 0; peer < 1000; peer++) {
      traffic.add(`server ${peer}`, TRAFFIC);
      counts.count('dropped', `reason ${peer}`);
      counts.count(`family ${peer}`, 'label');
    }
    expect(traffic.byServer.size).toBeLessThanOrEqual(65);
    expect(traffic.byServer.get(OTHERS)!.sentBytes).toBe(1000 - 64);
    expect(traffic.total().sentBytes).toBe(1000);
    expect(counts.families.get('dropped')!.size).toBeLessThanOrEqual(129);
    expect(counts.families.size).toBeLessThanOrEqual(64);
  });
});

function doubled(): Record<string, number> {
  return Object.fromEntries(Object.entries(TRAFFIC).map(([name, value]) => [name, 2 * (value as number)]));
}

import { beforeEach, describe, expect, test } from '@jest/globals';
import { AdmissionControl, DEFAULT_LIMITS } from '../routing/limits.js';
import { HalfOpenTable } from '../routing/half-open-table.js';
import { isOwnMachine, sourceOf } from '../routing/source.js';
import { type Bound, BoundWatch } from '../routing/bound-watch.js';
import { Door } from './door.js';
import { EndpointCounters } from '../routing/endpoint-stats.js';

class Client {
  abandoned = false;
  abandon(): void {
    this.abandoned = true;
  }
}

describe('sourceOf', () => {
  test('IPv4 is itself, also within IPv6; IPv6 counts by its /64', () => {
    expect(sourceOf('192.0.2.7')).toBe('192.0.2.7');
    expect(sourceOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
    const one = sourceOf('2001:db8:0:7::1');
    for (const same of [
      '2001:db8:0:7::2',
      '2001:DB8:0:7:ffff:ffff:ffff:ffff',
      '2001:0db8:0000:0007::',
      '2001:db8:0:7::9%eth0',
    ])
      expect(sourceOf(same)).toBe(one);
    for (const other of ['2001:db8:0:8::1', '2001:db8:1:7::1', '2001:db9:0:7::1', '::1', 'fe80::1'])
      expect(sourceOf(other)).not.toBe(one);
    expect(sourceOf('fe80::1%eth0')).toBe(sourceOf('fe80::2'));
    expect(
      ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.9.0.1', '::2'].map((each) => isOwnMachine(sourceOf(each))),
    ).toEqual([true, true, true, false, false]);
  });
});

describe('HalfOpenTable', () => {
  test('knows the oldest of a source and of the largest source', () => {
    const table = new HalfOpenTable<number>();
    expect([table.oldestOfLargest(), table.oldestOf('a')]).toEqual([undefined, undefined]);
    for (const [source, item] of [
      ['a', 1],
      ['b', 2],
      ['b', 3],
      ['a', 4],
      ['b', 5],
    ] as const)
      table.add(source, item);
    expect([table.size, table.of('a'), table.oldestOf('a'), table.oldestOfLargest()]).toEqual([5, 2, 1, 2]);
    expect([table.remove('b', 2), table.remove('b', 2), table.remove('c', 1)]).toEqual([true, false, false]);
    table.remove('b', 3);
    expect(table.oldestOfLargest()).toBe(1);
    for (const [source, item] of [
      ['a', 1],
      ['a', 4],
      ['b', 5],
    ] as const)
      table.remove(source, item);
    expect([table.size, table.oldestOfLargest()]).toEqual([0, undefined]);
  });
});

describe('half-open handshakes of attackers', () => {
  let bounds: Bound[];
  let admission: AdmissionControl;
  let door: Door<Client>;
  let counters: EndpointCounters;

  beforeEach(() => {
    bounds = [];
    counters = new EndpointCounters();
    admission = new AdmissionControl(DEFAULT_LIMITS, 0, new BoundWatch((bound) => bounds.push(bound)));
    door = new Door(admission, counters);
  });

  function knock(source: string, now: number): Client | undefined {
    if (admission.decide(source, true, 'underLoad', now).kind !== 'accept') return undefined;
    const client = new Client();
    door.enter(client, source);
    return client;
  }

  /** A minute of it, in virtual time. The honest handshakes take `honestMs` each. */
  function attack(sources: number, perSecond: number, honestMs: number): { good: number; tried: number; most: number } {
    const honest: { client: Client; endMs: number }[] = [];
    let held: { client: Client; endMs: number }[] = [];
    let [good, tried, most] = [0, 0, 0];
    for (let now = 0; now < 60_000; now += 1) {
      // Who was given up is gone a second later; the others time out.
      if (now % 1_000 === 0) {
        for (const { client, endMs } of held) if (client.abandoned || endMs <= now) door.left(client);
        held = held.filter(({ client, endMs }) => !client.abandoned && endMs > now);
      }
      for (let i = 0; i < perSecond / 1_000; i += 1) {
        const client = knock(`198.51.100.${(now + i) % sources}`, now);
        if (client) held.push({ client, endMs: now + DEFAULT_LIMITS.handshakeTimeoutMs });
      }
      if (now % 700 === 0) {
        tried += 1;
        const client = knock('203.0.113.9', now);
        if (client) honest.push({ client, endMs: now + honestMs });
      }
      for (const each of honest.splice(0)) {
        if (now < each.endMs) honest.push(each);
        else {
          if (!each.client.abandoned) good += 1;
          door.left(each.client);
        }
      }
      most = Math.max(most, admission.halfOpenConnections);
    }
    return { good, tried: tried - honest.splice(0).length, most };
  }

  test.each([
    [1, 1_000],
    [6, 1_000],
    [6, 5_000],
    [200, 5_000],
  ])('from %i sources, %i a second, keep out no honest client', (sources, perSecond) => {
    const { good, tried, most } = attack(sources, perSecond, 400);
    expect(good).toBe(tried);
    expect(tried).toBeGreaterThan(80);
    expect(most).toBeLessThanOrEqual(DEFAULT_LIMITS.maxHalfOpen);
  });

  test('a quarter of them is all that one source gets, and few handshakes a second from then on', () => {
    let accepted = 0;
    for (let now = 0; now < 20_000; now += 1) if (knock('198.51.100.1', now)) accepted += 1;
    expect(admission.halfOpenConnections).toBeLessThanOrEqual(DEFAULT_LIMITS.maxHalfOpen / 4);
    expect(accepted).toBeLessThan(2 * 125 + 20 * 13);
    expect(bounds).toEqual(['halfOpenPerSource']);
  });

  test('clients that finish their handshakes are never slowed, however many come at once', () => {
    const many = Array.from({ length: 200 }, () => knock('198.51.100.1', 0));
    expect(many.filter((client) => client !== undefined)).toHaveLength(200);
    for (let now = 1; now < 5_000; now += 2) {
      const client = knock('198.51.100.2', now);
      expect(client).toBeDefined();
      door.completed(client!);
    }
  });

  test('each bound is told once a minute', () => {
    for (let now = 0; now < 100_000; now += 20) knock('198.51.100.1', now);
    expect(bounds).toEqual(['halfOpenPerSource', 'halfOpenPerSource']);
  });

  test('connections are bounded by source: a quarter, and this machine itself twice that', () => {
    const fill = (source: string): number => {
      for (let count = 0; ; count += 1) {
        const now = count * 10;
        if (admission.decide(source, true, 'never', now).kind === 'refuse') return count;
        const client = new Client();
        door.enter(client, source);
        door.completed(client);
      }
    };
    expect(fill('198.51.100.1')).toBe(5_000);
    expect(fill('127.0.0.1')).toBe(10_000);
    expect(bounds).toEqual(['connectionsPerSource']);
    expect(admission.decide('203.0.113.9', true, 'never', 0).kind).toBe('accept');
  });
});

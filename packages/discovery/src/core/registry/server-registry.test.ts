import { describe, expect, test } from '@jest/globals';
import { found, record, snapshot } from '../../test-support/records.js';
import { ServerRegistry } from './server-registry.js';

describe('the registry of servers', () => {
  test('a server of several sources is one, by its id or by its address, and each fact keeps its origin', () => {
    const registry = new ServerRegistry(['dns-sd', 'http', 'list']);
    registry.apply('list', snapshot(record('', { addresses: ['a.test:4433'] })), 0);
    registry.apply('http', snapshot(record('a', { addresses: ['10.0.0.1:4433'], region: 'eu', tags: ['ssd'] })), 5);
    registry.apply('dns-sd', snapshot(record('a', { region: 'eu-west', weight: 7 })), 9);
    expect(registry.size).toBe(1);
    const entry = registry.get('10.0.0.1:4433');
    expect(entry).toEqual(registry.get('a'));
    expect(entry?.record).toMatchObject({
      serverId: 'a',
      addresses: ['a.test:4433', '10.0.0.1:4433'],
      region: 'eu-west',
      weight: 7,
      tags: ['ssd'],
    });
    expect(entry?.origins.map(({ source, foundMs }) => [source, foundMs])).toEqual([
      ['dns-sd', 9],
      ['http', 5],
      ['list', 0],
    ]);
  });

  test('what a source names no more is gone, unless another one names it', () => {
    const registry = new ServerRegistry(['one', 'two']);
    expect(registry.apply('one', snapshot(record('a'), record('b')), 0)).toEqual([
      { kind: 'added', key: 'a', source: 'one' },
      { kind: 'added', key: 'b', source: 'one' },
    ]);
    registry.apply('two', snapshot(record('b')), 1);
    expect(registry.apply('one', snapshot(), 2)).toEqual([
      { kind: 'removed', key: 'a', reason: 'one names it no more' },
    ]);
    expect(registry.get('b')?.origins).toHaveLength(1);
    expect(registry.get('a.test:4433')).toBeUndefined();
  });

  test('a source that fails is no empty list: what it said stays, marked stale, past its time', () => {
    const registry = new ServerRegistry(['dns', 'list'], { maxStaleMs: 60_000 });
    registry.apply('dns', { servers: [found(record('a'), 10_000)] }, 0);
    registry.apply('list', snapshot(record('b')), 0);
    registry.failed('dns', 'timed out', 5000);
    expect(registry.expire(20_000)).toEqual([]);
    expect(registry.isStale(registry.get('a')!)).toBe(true);
    expect(registry.isStale(registry.get('b')!)).toBe(false);
    expect(registry.sources()).toMatchObject([
      { state: 'stale', failure: 'timed out', servers: 1 },
      { state: 'fresh' },
    ]);
    expect(registry.expire(65_000)).toEqual([{ kind: 'removed', key: 'a', reason: 'its time is over' }]);
    expect(registry.get('b')).toBeDefined();
  });

  test('what is not renewed expires, at its time and not before', () => {
    const registry = new ServerRegistry(['dns']);
    registry.apply('dns', { servers: [found(record('a'), 10_000), found(record('b'), 30_000)] }, 0);
    expect(registry.nextExpiryMs).toBe(10_000);
    expect(registry.expire(9999)).toEqual([]);
    expect(registry.expire(10_000)).toEqual([{ kind: 'removed', key: 'a', reason: 'its time is over' }]);
    expect(registry.nextExpiryMs).toBe(30_000);
  });

  test('a change is told once, and no change is none', () => {
    const registry = new ServerRegistry(['one']);
    registry.apply('one', snapshot(record('a')), 0);
    expect(registry.apply('one', snapshot(record('a')), 1)).toEqual([]);
    expect(registry.apply('one', snapshot(record('a', { capabilities: ['relay'] })), 2)).toEqual([
      { kind: 'changed', key: 'a', before: record('a') },
    ]);
    expect(registry.search({ capabilities: ['primary'] })).toEqual([]);
    expect(registry.search({ capabilities: ['relay'] })).toHaveLength(1);
  });

  test('searches by capability, place, tags and load', () => {
    const registry = new ServerRegistry(['one']);
    registry.apply(
      'one',
      snapshot(
        record('a', { region: 'eu', zone: 'eu-1', tags: ['ssd', 'new'], load: 0.9 }),
        record('b', { region: 'eu', zone: 'eu-2', tags: ['ssd'], capabilities: ['relay', 'primary'] }),
        record('c', { region: 'us', load: 0.1 }),
      ),
      0,
    );
    const keys = (query: Parameters<ServerRegistry['search']>[0]) =>
      registry
        .search(query)
        .map(({ key }) => key)
        .sort();
    expect(keys({})).toEqual(['a', 'b', 'c']);
    expect(keys({ region: 'eu' })).toEqual(['a', 'b']);
    expect(keys({ zone: 'eu-2' })).toEqual(['b']);
    expect(keys({ tags: ['ssd', 'new'] })).toEqual(['a']);
    expect(keys({ capabilities: ['relay'] })).toEqual(['b']);
    expect(keys({ maxLoad: 0.5 })).toEqual(['b', 'c']);
    expect(keys({ exclude: ['a', 'c.test:4433'] })).toEqual(['b']);
    expect(keys({ region: 'moon' })).toEqual([]);
    expect(registry.search({}, 2)).toHaveLength(2);
  });

  test('is bounded: what does not fit is counted and said', () => {
    const registry = new ServerRegistry(['flood'], { maxServers: 10 });
    registry.apply('flood', snapshot(...Array.from({ length: 25 }, (_, n) => record(`s${n}`))), 0);
    expect(registry.size).toBe(10);
    expect(registry.sources()[0]?.problems).toEqual(['15 servers beyond the 10 that are kept']);
  });

  test('a later claim to an address takes nobody’s place', () => {
    const registry = new ServerRegistry(['trusted', 'mdns']);
    registry.apply('trusted', snapshot(record('a')), 0);
    registry.apply('mdns', snapshot(record('evil', { addresses: ['a.test:4433'] })), 1);
    expect(registry.get('a.test:4433')?.key).toBe('a');
  });

  test('a heartbeat changes load and draining for a while, and brings nobody in', () => {
    const registry = new ServerRegistry(['one']);
    registry.apply('one', snapshot(record('a', { load: 0.2 })), 0);
    expect(registry.heartbeat('stranger', { load: 0.1, accepting: true }, 1)).toEqual([]);
    expect(registry.heartbeat('a', { load: Number.NaN, accepting: true }, 1)).toEqual([]);
    registry.heartbeat('a', { load: 0.9, accepting: false }, 1);
    expect(registry.get('a')?.record).toMatchObject({ load: 0.9, accepting: false });
    registry.expire(70_000);
    expect(registry.get('a')?.record).toMatchObject({ load: 0.2, accepting: true });
  });
});

const signature = (issuedMs: number) => ({
  keyId: '0'.repeat(64),
  issuedMs,
  expiresMs: issuedMs + 60_000,
  value: 'A'.repeat(86),
});

test('without a verifier a forged time of signing keeps no true word out, of whatever source', () => {
  const registry = new ServerRegistry(['http', 'mdns']);
  const forged = record('a', { addresses: ['192.0.2.66:1'], signature: signature(9_000_000_000_000) });
  registry.apply('mdns', snapshot(forged), 0);
  registry.apply('http', snapshot(record('a', { tags: ['true'], signature: signature(1_000_000) })), 1);
  expect(registry.sources().flatMap(({ problems }) => problems)).toEqual([]);
  expect(registry.get('a')?.record.tags).toEqual(['true']);
  expect(registry.get('a')?.record.signature?.issuedMs).toBe(1_000_000);
});

describe('with a verifier', () => {
  const verifier = {
    refusal: ({ signature: signed }: { signature: { expiresMs: number } | undefined }, _: string, nowMs: number) => {
      if (signed === undefined) return 'nobody has signed it';
      return signed.expiresMs < nowMs ? 'its signature has expired' : undefined;
    },
  };

  test('forged, replayed and stale announcements change nothing, and it is said why', () => {
    const registry = new ServerRegistry(['http'], { verifier, wallOffsetMs: () => 1_000_000 });
    const good = record('a', { signature: signature(1_000_000), weight: 5 });
    registry.apply('http', snapshot(good), 0);
    for (const [bad, reason] of [
      [record('a', { weight: 9 }), /nobody has signed it/],
      [record('a', { weight: 9, signature: signature(999_999) }), /a replay, or stale/],
      [record('a', { weight: 9, signature: signature(900_000) }), /expired/],
    ] as const) {
      registry.apply('http', snapshot(good, bad), 1);
      expect(registry.get('a')?.record.weight).toBe(5);
      expect(registry.sources()[0]?.problems.join()).toMatch(reason);
    }
    registry.apply('http', snapshot(record('a', { weight: 6, signature: signature(1_000_001) })), 2);
    expect(registry.get('a')?.record.weight).toBe(6);
    // Also after it has gone: a replay does not bring it back as it was.
    registry.apply('http', snapshot(), 3);
    registry.apply('http', snapshot(good), 4);
    expect(registry.size).toBe(0);
  });

  test('what a server has signed long ago, and a failed source keeps, counts no more after its newer word', () => {
    const registry = new ServerRegistry(['dns', 'http'], { verifier, wallOffsetMs: () => 1_000_000 });
    const before = record('a', { capabilities: ['replica'], tags: ['old'], signature: signature(1_000_000) });
    registry.apply('dns', snapshot(before), 0);
    registry.apply('http', snapshot(before), 0);
    registry.failed('dns', 'gone', 1);
    registry.apply('http', snapshot(record('a', { capabilities: ['raw'], signature: signature(1_000_500) })), 500);
    expect(registry.get('a')?.record).toMatchObject({ capabilities: ['raw'], tags: [] });
    expect(registry.get('a')?.origins.map(({ source }) => source)).toEqual(['dns', 'http']);
  });
});

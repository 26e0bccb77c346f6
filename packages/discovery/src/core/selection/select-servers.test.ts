import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import { candidate } from '../../test-support/records.js';
import type { Candidate } from './candidate.js';
import { DEFAULT_POLICY, type SelectionPolicy } from './policy.js';
import { selectServers } from './select-servers.js';

const seeded = new SeededRandom(7);
const random = () => seeded.float();

function select(candidates: readonly Candidate[], count: number, policy: Partial<SelectionPolicy> = {}, query = {}) {
  return selectServers(candidates, { count, ...query }, { ...DEFAULT_POLICY, owner: 'me', ...policy }, random, 0);
}

function ids(result: ReturnType<typeof select>): string[] {
  return result.chosen.map(({ record }) => record.serverId);
}

describe('the selection of servers', () => {
  test('each rejection has a reason', () => {
    const result = select(
      [
        candidate('good'),
        candidate('relay', { capabilities: ['relay'] }),
        candidate('draining', { accepting: false }),
        candidate('liar', {}, { refused: 'it sent wrong content' }),
        candidate('ill', {}, { ejected: '3 failures in a row' }),
        candidate('used'),
        candidate('far', { region: 'moon' }),
      ],
      5,
      { panicShare: 0.2 },
      { capabilities: ['primary'], exclude: ['used', 'far'] },
    );
    expect(ids(result)).toEqual(['good']);
    expect(Object.fromEntries(result.rejected.map(({ record, reason }) => [record.serverId, reason]))).toEqual({
      relay: 'has not the capability primary',
      draining: 'drains: it takes nobody new',
      liar: 'not trusted: it sent wrong content',
      ill: 'put out: 3 failures in a row',
      used: 'is in use, or was excluded',
      far: 'is in use, or was excluded',
    });
  });

  test('the nearest first; when their place is full or has too few, the next place takes a share', () => {
    const here = { region: 'eu', zone: 'eu-1' };
    const place = (zone: string, load: number) =>
      [1, 2, 3, 4].map((n) => candidate(`${zone}-${n}`, { region: zone.slice(0, 2), zone, load }));
    const near = select([...place('eu-1', 0.3), ...place('eu-2', 0.1), ...place('us-1', 0)], 3, here);
    expect(ids(near).every((id) => id.startsWith('eu-1'))).toBe(true);
    const full = select([...place('eu-1', 1), ...place('eu-2', 0.1), ...place('us-1', 0)], 3, here);
    expect(ids(full).filter((id) => id.startsWith('eu-1'))).toHaveLength(1);
    expect(ids(full).filter((id) => id.startsWith('eu-2'))).toHaveLength(2);
    const few = select([candidate('only', { zone: 'eu-1' }), ...place('us-1', 0)], 3, here);
    expect(ids(few)[0]).toBe('only');
    expect(few.chosen).toHaveLength(3);
    // All are full: that is better than nobody.
    expect(select(place('eu-1', 1), 3, here).chosen).toHaveLength(3);
  });

  test('apart: half of them stand elsewhere, the nearest first, so that a zone that dies takes not all', () => {
    const zone = (name: string) => [1, 2, 3, 4, 5].map((n) => candidate(`${name}-${n}`, { region: 'eu', zone: name }));
    const here = { region: 'eu', zone: 'eu-1' };
    const chosen = ids(select([...zone('eu-2'), ...zone('eu-1')], 4, here, { apart: true }));
    expect(chosen.map((id) => id.slice(0, 4))).toEqual(['eu-1', 'eu-1', 'eu-2', 'eu-2']);
    expect(select(zone('eu-1'), 4, here, { apart: true }).chosen).toHaveLength(4);
    expect(ids(select([...zone('eu-2'), ...zone('eu-1')], 1, here, { apart: true }))[0]).toMatch(/^eu-1/);
  });

  test('priorities of SRV: a larger number only when no smaller one can be used', () => {
    const backup = candidate('backup', { priority: 10 });
    for (const apart of [false, true]) {
      expect(ids(select([backup, candidate('a'), candidate('b')], 2, {}, { apart })).sort()).toEqual(['a', 'b']);
    }
    expect(ids(select([backup, candidate('a', { accepting: false })], 2))).toEqual(['backup']);
  });

  test('under half healthy: all are used, and it is said', () => {
    const ill = ['a', 'b', 'c'].map((id) => candidate(id, {}, { ejected: 'it fails' }));
    const result = select([...ill, candidate('d')], 4);
    expect(result.chosen).toHaveLength(4);
    expect(result.notes).toEqual(['only 1 of 4 servers are healthy: all are used, whatever their health']);
    expect(ids(select([...ill.slice(0, 2), candidate('d'), candidate('e')], 4)).sort()).toEqual(['d', 'e']);
  });

  test('a newcomer gets little at first, and its share in the end', () => {
    const share = (knownSinceMs: number): number => {
      let wins = 0;
      for (let round = 0; round < 2000; round++) {
        const servers = [candidate('new', {}, { rttMs: 20, knownSinceMs }), candidate('old', {}, { rttMs: 40 })];
        if (ids(select(servers, 1))[0] === 'new') wins++;
      }
      return wins / 2000;
    };
    expect(share(0)).toBe(0);
    expect(share(-40_000)).toBe(1);
  });

  test('the weights of the criteria are the caller’s', () => {
    const near = candidate('near', { load: 0.9 }, { rttMs: 20 });
    const idle = candidate('idle', { load: 0 }, { rttMs: 30 });
    const untrusted = candidate('untrusted', {}, { rttMs: 1, trust: 0.3 });
    const best = (weights: SelectionPolicy['weights'], ...servers: Candidate[]) =>
      ids(select(servers, 1, { weights }))[0];
    expect(best({ rtt: 1, load: 1, weight: 1, trust: 1 }, near, idle)).toBe('idle');
    expect(best({ rtt: 3, load: 1, weight: 1, trust: 1 }, near, idle)).toBe('near');
    expect(best({ rtt: 1, load: 1, weight: 1, trust: 0 }, untrusted, idle)).toBe('untrusted');
    expect(best({ rtt: 1, load: 1, weight: 1, trust: 4 }, untrusted, idle)).toBe('idle');
  });

  test('of many servers a client deals with its own few, and one that goes changes one', () => {
    const servers = Array.from({ length: 100 }, (_, n) => candidate(`s${n}`));
    const subset = (from: readonly Candidate[]) =>
      new Set(Array.from({ length: 50 }, () => ids(select(from, 8, { subsetSize: 8 }))).flat());
    const before = subset(servers);
    expect(before.size).toBe(8);
    const gone = [...before][0];
    const after = subset(servers.filter(({ key }) => key !== gone));
    expect([...after].filter((id) => !before.has(id))).toHaveLength(1);
  });

  test('weighted: three times the weight, three times the clients', () => {
    const servers = [candidate('heavy', { weight: 3 }), candidate('light'), candidate('other')];
    let heavy = 0;
    for (let client = 0; client < 5000; client++) {
      if (ids(select(servers, 1, { owner: `client ${client}`, subsetSize: 1 }))[0] === 'heavy') heavy++;
    }
    expect(heavy / 5000).toBeCloseTo(0.6, 1);
  });
});

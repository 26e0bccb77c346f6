import { describe, expect, it } from '@jest/globals';
import { CounterRegistry, type PathReading } from '@kwik/wire';
import { pathReading, session, sessionReading } from '../test-support/sources.js';
import { LiveState } from './live-state.js';

describe('LiveState', () => {
  it('has the rates between two looks, and the same for all who look at once', () => {
    const counters = new CounterRegistry();
    let receivedBytes = 0;
    const paths = (): PathReading[] => [
      pathReading({ receivedBytes }),
      pathReading({ pathId: 1, server: 'south', receivedBytes: 3 * receivedBytes, flow: 'stalled', unused: 'stopped' }),
    ];
    counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: paths() }) });
    const state = new LiveState(counters);
    state.overview(0);
    receivedBytes = 1000;
    const { sessions, servers } = state.overview(500);
    expect(sessions).toMatchObject([{ paths: 2, active: 1, receivedPerSecond: 8000, peer: 'north' }]);
    expect(servers.map(({ name, active, receivedPerSecond }) => [name, active, receivedPerSecond])).toEqual([
      ['north', 1, 2000],
      ['south', 0, 6000],
    ]);
    receivedBytes = 9000;
    expect(state.paths(sessions[0]!.id, 550)!.map(({ share, unused }) => [share, unused])).toEqual([
      [0.25, ''],
      [0.75, 'stopped'],
    ]);
  });

  it('shows paths that have no connection, with the reason', () => {
    const counters = new CounterRegistry();
    const path = { pathId: 4, address: 'a', server: 'gone', primary: false };
    const lost = [
      { ...path, state: 'dead', reason: 'silent' },
      { ...path, pathId: 5, state: 'active', reason: '' },
    ];
    counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ lost: () => lost }) });
    const state = new LiveState(counters);
    const [{ id } = { id: '' }] = state.overview(0).sessions;
    expect(state.paths(id, 0)!.slice(-2)).toMatchObject([
      { id: 4, state: 'dead', unused: 'silent', rttMs: 0 },
      { id: 5, state: 'active', unused: 'between the client and that server, which have its figures' },
    ]);
    expect(state.paths('another', 0)).toBeUndefined();
  });

  it('tells two secondaries of a session in one process apart, also when one of them ends', () => {
    const counters = new CounterRegistry();
    const bytes = [0, 0];
    const add = (index: number): (() => void) =>
      counters.add({
        kind: 'session',
        role: 'secondary',
        read: () => sessionReading({ role: 'secondary', paths: [pathReading({ sentBytes: bytes[index]! })] }),
      });
    const end = add(0);
    add(1);
    const state = new LiveState(counters);
    const before = state.overview(0).sessions.map(({ id }) => id);
    expect(new Set(before).size).toBe(2);
    bytes.splice(0, 2, 1000, 7000);
    const { sessions } = state.overview(1000);
    expect(sessions.map(({ sentPerSecond }) => sentPerSecond)).toEqual([1000, 7000]);
    end();
    expect(state.overview(2000).sessions.map(({ id }) => id)).toEqual([before[1]]);
    expect(state.paths(before[0]!, 2000)).toBeUndefined();
  });

  it('lists a thousand sessions and 64 servers of more', () => {
    const counters = new CounterRegistry();
    for (let index = 0; index < 3000; index++) {
      counters.add(session('primary', [pathReading({ server: `server ${index}` })]));
    }
    const { total, sessions, servers } = new LiveState(counters).overview(0);
    expect([total, sessions.length, servers.length]).toEqual([3000, 1000, 64]);
  });
});

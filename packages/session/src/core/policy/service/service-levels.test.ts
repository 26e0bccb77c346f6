import { describe, expect, test } from '@jest/globals';
import type { PathState } from '@kwik/paths';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { ServiceLevels, type ServicePath } from './service-levels.js';

function path(id: number, state: PathState, more: Partial<ServicePath> = {}): ServicePath {
  return { id: toPathId(id), address: `10.0.0.${id}:1`, state, ...more };
}

/** Paths 0 to `count` - 1, all active. */
function withPaths(count: number): ServiceLevels {
  const levels = new ServiceLevels();
  for (let id = 0; id < count; id++) levels.onPath(path(id, 'active'));
  return levels;
}

describe('the service level of a session', () => {
  test('falls with its paths, says which and why, and comes back by itself', () => {
    const levels = withPaths(3);
    expect(levels.level).toEqual({ level: 'full', reason: '' });
    expect(levels.onPath(path(2, 'suspected', { reason: 'silent' }))).toBe(true);
    expect(levels.level).toEqual({
      level: 'reduced',
      reason: '2 of 3 paths carry data: path 2 to 10.0.0.2:1 is suspected: silent',
    });
    expect(levels.onPath(path(2, 'dead', { errorCode: 'ERR_KWIK_PATH_DEAD', reason: 'silent' }))).toBe(false);
    expect(levels.onPath(path(1, 'dead', { reason: 'gone' }))).toBe(true);
    expect(levels.level).toEqual({
      level: 'minimal',
      reason: '1 of 3 paths carries data: path 1 to 10.0.0.1:1 is dead: gone',
    });
    levels.onPath(path(0, 'dead'));
    expect(levels.level.level).toBe('none');
    levels.onPath(path(0, 'recovering'));
    expect(levels.level.level).toBe('none');
    levels.onPath(path(0, 'active'));
    levels.onPath(path(1, 'active'));
    expect(levels.level.level).toBe('reduced');
    // Another one takes the place of the one that is gone for good.
    expect(levels.onPath(path(7, 'active'))).toBe(true);
    expect(levels.level.level).toBe('full');
  });

  test('says nothing of a path that was drained, whatever its end is called', () => {
    const levels = withPaths(3);
    levels.onPath(path(1, 'degraded', { reason: 'it loses 20 %' }));
    levels.onPath(path(2, 'draining', { reason: 'short of memory' }));
    levels.onPath(path(2, 'dead', { reason: 'short of memory', errorCode: 'ERR_KWIK_CONNECTION_REFUSED' }));
    expect(levels.level).toEqual({ level: 'reduced', reason: 'path 1 to 10.0.0.1:1 is degraded: it loses 20 %' });
    levels.onPath(path(1, 'active'));
    expect(levels.level.level).toBe('full');
  });

  test('is no lower for a path that is removed or set aside on purpose, and lower for one that works badly', () => {
    const levels = withPaths(3);
    for (const state of ['draining', 'dead'] as const) {
      expect(levels.onPath(path(2, state, { errorCode: 'ERR_KWIK_PATH_REMOVED' }))).toBe(false);
    }
    expect(levels.onPath(path(1, 'suspended'))).toBe(false);
    expect(levels.onPath(path(1, 'degraded', { reason: 'it loses 20 %' }))).toBe(true);
    expect(levels.level).toEqual({ level: 'reduced', reason: 'path 1 to 10.0.0.1:1 is degraded: it loses 20 %' });
    // One that was lost is not missed any more once it is removed.
    levels.onPath(path(1, 'dead', { reason: 'gone' }));
    expect(levels.level.level).toBe('minimal');
    levels.onPath(path(1, 'dead', { errorCode: 'ERR_KWIK_PATH_REMOVED' }));
    expect(levels.level.level).toBe('full');
  });

  test('of one path alone is full or none', () => {
    const levels = withPaths(1);
    levels.onPath(path(0, 'suspected'));
    expect(levels.level.level).toBe('none');
    levels.onPath(path(0, 'active'));
    expect(levels.level.level).toBe('full');
  });

  test('is reduced while this end is short of something', () => {
    const levels = withPaths(1);
    expect(levels.onShortage('memory is short')).toBe(true);
    expect(levels.level).toEqual({ level: 'reduced', reason: 'memory is short' });
    expect(levels.onShortage('memory is very short')).toBe(false);
    expect(levels.level.reason).toBe('memory is very short');
    expect(levels.onShortage(undefined)).toBe(true);
  });

  test('whatever paths do: none without a usable one, and never none with one', () => {
    const states: PathState[] = ['active', 'degraded', 'suspected', 'suspended', 'draining', 'dead', 'recovering'];
    const changes = fc.array(fc.tuple(fc.nat(99), fc.constantFrom(...states)), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(changes, (all) => {
        const levels = withPaths(1);
        const now = new Map<number, PathState>([[0, 'active']]);
        for (const [id, state] of all) {
          now.set(id, state);
          levels.onPath(path(id, state));
          const usable = [...now.values()].filter((one) => ['active', 'degraded', 'suspended'].includes(one)).length;
          if (usable > 0) expect(levels.level.level).not.toBe('none');
          expect(levels.level.reason === '').toBe(levels.level.level === 'full');
        }
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toPathId } from '@kwik/wire';
import { PathMachine } from '../state/path-machine.js';
import { PathTable, type TablePath } from './path-table.js';

function path(id: number, now = 0): TablePath {
  return { id: toPathId(id), machine: new PathMachine(now) };
}

function activePath(id: number, now = 0): TablePath {
  const made = path(id, now);
  made.machine.validating(now);
  made.machine.activate(now);
  return made;
}

const withCode = (code: string): unknown => expect.objectContaining({ code });

describe('PathTable', () => {
  test('lists active, dead and all paths since the session began (K6.5, K6.6)', () => {
    const table = new PathTable();
    const [a, b, c] = [table.add(activePath(0)), table.add(activePath(1)), table.add(path(2))];
    b.machine.die(9, 'killed');
    expect(table.active()).toEqual([a]);
    expect(table.alive()).toEqual([a, c]);
    expect(table.dead()).toEqual([b]);
    expect(table.all()).toEqual([a, b, c]);
  });

  test('an operation on a dead path is refused with the reason, on an unknown one as such (K6.3)', () => {
    const table = new PathTable();
    const dead = table.add(activePath(0));
    dead.machine.die(9, 'silent for 500 ms');
    expect(table.require(toPathId(0))).toBe(dead);
    expect(() => table.requireAlive(toPathId(0))).toThrow(withCode('ERR_KWIK_PATH_DEAD'));
    expect(() => table.requireAlive(toPathId(0))).toThrow(/silent for 500 ms/);
    expect(() => table.require(toPathId(7))).toThrow(withCode('ERR_KWIK_PATH_NOT_FOUND'));
    expect(() => table.requireAlive(toPathId(7))).toThrow(withCode('ERR_KWIK_PATH_NOT_FOUND'));
    expect(table.get(toPathId(7))).toBeUndefined();
  });

  test('ids of the peer and ids of our own never meet', () => {
    const table = new PathTable();
    expect(table.allocateId()).toBe(0);
    table.add(path(5));
    expect(table.allocateId()).toBe(6);
    table.add(path(3));
    expect(() => table.add(path(5))).toThrow(withCode('ERR_KWIK_INVALID_ARGUMENT'));
  });

  test('living paths are bounded', () => {
    const table = new PathTable({ maxAlive: 2 });
    const first = table.add(activePath(0));
    table.add(activePath(1));
    expect(() => table.add(path(2))).toThrow(withCode('ERR_KWIK_LIMIT_EXCEEDED'));
    first.machine.die(1, 'gone');
    expect(table.add(path(2)).id).toBe(2);
  });

  test('dead paths are bounded: the oldest are only counted, and their ids stay used', () => {
    const table = new PathTable({ maxDead: 2 });
    for (let id = 0; id < 5; id++) table.add(activePath(id)).machine.die(10 - id, 'gone');
    expect(table.dead().map(({ id }) => id)).toEqual([0, 1]);
    expect([table.size, table.forgottenCount]).toEqual([2, 3]);
    expect(() => table.add(path(4))).toThrow(withCode('ERR_KWIK_INVALID_ARGUMENT'));
    expect(table.allocateId()).toBe(5);
  });

  test('no id is ever given out twice, and the lists part the paths between them', () => {
    const op = fc.oneof(fc.constant('add'), fc.constant('kill'), fc.record({ peer: fc.nat({ max: 60 }) }));
    fc.assert(
      fc.property(fc.array(op, { maxLength: 120 }), (ops) => {
        const table = new PathTable({ maxDead: 5, maxAlive: 1000 });
        const used = new Set<number>();
        ops.forEach((what, now) => {
          if (what === 'kill') {
            table.alive()[0]?.machine.die(now, 'killed');
          } else {
            const id = typeof what === 'string' ? table.allocateId() : toPathId(what.peer);
            if (used.has(id)) return expect(() => table.add(path(id, now))).toThrow();
            // An old id that was skipped may be refused too: then the peer named it far too late.
            if (typeof what === 'string' || table.forgottenCount === 0) used.add(table.add(path(id, now)).id);
          }
          expect(table.dead().length).toBeLessThanOrEqual(5);
          expect(table.alive().length + table.dead().length).toBe(table.all().length);
          expect(table.all().length + table.forgottenCount).toBe(used.size);
        });
      }),
    );
  });
});

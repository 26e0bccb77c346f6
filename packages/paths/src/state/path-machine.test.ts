import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KwikError } from '@kwik/wire';
import { MAX_PATH_HISTORY, PathMachine } from './path-machine.js';
import { fromProtoPathState, PATH_STATES, toProtoPathState, type PathState } from './path-state.js';

type Step = (machine: PathMachine, now: number) => void;

const STEPS: Readonly<Record<string, Step>> = {
  validating: (m, now) => m.validating(now),
  activate: (m, now) => m.activate(now),
  degrade: (m, now) => m.degrade(now, 'slow'),
  suspect: (m, now) => m.suspect(now, 'silent'),
  clear: (m, now) => m.clear(now),
  drain: (m, now) => m.drain(now, 'removed'),
  die: (m, now) => m.die(now, 'gone'),
  recover: (m, now) => m.recover(now),
  suspend: (m, now) => m.suspend(now),
  resume: (m, now) => m.resume(now),
};

/** The whole transition table, written out a second time: state, step, state after. */
const ALLOWED: readonly (readonly [PathState, string, PathState])[] = [
  ['connecting', 'validating', 'validating'],
  ['connecting', 'die', 'dead'],
  ['validating', 'activate', 'active'],
  ['validating', 'die', 'dead'],
  ['active', 'degrade', 'degraded'],
  ['active', 'suspect', 'suspected'],
  ['active', 'drain', 'draining'],
  ['active', 'suspend', 'suspended'],
  ['active', 'die', 'dead'],
  ['degraded', 'clear', 'active'],
  ['degraded', 'suspect', 'suspected'],
  ['degraded', 'drain', 'draining'],
  ['degraded', 'suspend', 'suspended'],
  ['degraded', 'die', 'dead'],
  ['suspected', 'clear', 'active'],
  ['suspected', 'drain', 'draining'],
  ['suspected', 'suspend', 'suspended'],
  ['suspected', 'die', 'dead'],
  ['draining', 'die', 'dead'],
  ['suspended', 'resume', 'active'],
  ['suspended', 'drain', 'draining'],
  ['suspended', 'die', 'dead'],
  ['dead', 'recover', 'recovering'],
  ['recovering', 'validating', 'validating'],
  ['recovering', 'activate', 'active'],
  ['recovering', 'die', 'dead'],
];

describe('PathMachine', () => {
  test('lives an ordinary life and keeps its history', () => {
    const machine = new PathMachine(10);
    machine.validating(20);
    machine.activate(30);
    machine.suspect(40, 'silent for 38 ms');
    machine.clear(50);
    machine.drain(60, 'removed by the server');
    machine.die(70, 'drained');
    expect(machine.state).toBe('dead');
    expect(machine.sinceMs).toBe(70);
    expect(machine.reason).toBe('drained');
    expect(machine.history.map((entry) => `${entry.atMs} ${entry.state}`)).toEqual([
      '10 connecting',
      '20 validating',
      '30 active',
      '40 suspected',
      '50 active',
      '60 draining',
      '70 dead',
    ]);
    expect(machine.history[3]?.reason).toBe('silent for 38 ms');
  });

  test('any sequence of steps follows the table, and a refused step changes nothing', () => {
    const names = Object.keys(STEPS);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { maxLength: 80 }), (sequence) => {
        const machine = new PathMachine(0);
        sequence.forEach((name, index) => {
          const before = machine.state;
          const length = machine.history.length;
          const after = ALLOWED.find(([from, step]) => from === before && step === name)?.[2];
          const step = STEPS[name] as Step;
          if (after === undefined) {
            expect(() => step(machine, index)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
            expect([machine.state, machine.history.length]).toEqual([before, length]);
          } else {
            step(machine, index);
            expect(machine.state).toBe(after);
            expect(machine.history.at(-1)).toMatchObject({ state: after, atMs: index });
          }
          expect(machine.history.length).toBeLessThanOrEqual(MAX_PATH_HISTORY);
        });
      }),
    );
  });

  test('a refusal names both states', () => {
    const machine = new PathMachine(0);
    machine.die(1, 'refused');
    let thrown: unknown;
    try {
      machine.drain(2, 'removed');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(KwikError);
    expect((thrown as KwikError).message).toContain('dead');
    expect((thrown as KwikError).message).toContain('draining');
  });
});

describe('path states', () => {
  test('travel as protobuf and back', () => {
    for (const state of PATH_STATES) expect(fromProtoPathState(toProtoPathState(state))).toBe(state);
    expect(new Set(PATH_STATES.map(toProtoPathState)).size).toBe(9);
    expect(fromProtoPathState(0)).toBeUndefined();
    expect(fromProtoPathState(99)).toBeUndefined();
  });
});

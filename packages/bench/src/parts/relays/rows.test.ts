import { describe, expect, test } from '@jest/globals';
import { judge } from '../../report/verdict.js';
import { carryingRelays, strikes, type Strike } from './measure.js';
import { rowNames, rowsOf } from './rows.js';
import { SETTINGS } from './settings.js';

const [SETTING] = SETTINGS;

function rows(silent: Strike, drained: Strike) {
  return rowsOf({ setting: SETTING!, silent: [silent], drained: [drained] });
}

describe('relays', () => {
  test('a silence may cost three round trips and 50 ms, a drain nothing', () => {
    const quietMs = 12;
    const [silent, drained] = rows({ quietMs, gapMs: 110 }, { quietMs, gapMs: 22 });
    expect([silent!.name, drained!.name]).toEqual(rowNames(SETTING!));
    expect([silent!, drained!].map(judge)).toEqual(['met', 'met']);
    expect(rows({ quietMs, gapMs: 111 }, { quietMs, gapMs: 23 }).map(judge)).toEqual(['missed', 'missed']);
  });

  test('what the program waited for is told from what it waits for anyway', () => {
    const arrivals = [0, 10, 20, 32, 90, 100].map((atMs) => ({ atMs, bytes: 1 }));
    expect(strikes(arrivals, [{ quietFromMs: 0, atMs: 35, untilMs: 101 }])).toEqual([{ quietMs: 12, gapMs: 58 }]);
  });

  test('a relay carries when both ends say so', () => {
    const here = [
      { id: 0, address: 'server' },
      { id: 1, address: 'server' },
      { id: 2, address: 'server' },
    ];
    const there = [
      { id: 0, address: 'one' },
      { id: 1, address: 'one' },
      { id: 2, address: 'other' },
    ];
    expect(carryingRelays(here, there)).toBe(2);
    expect(carryingRelays(here, there.slice(0, 2))).toBe(0);
    expect(carryingRelays(here.slice(0, 2), there.slice(0, 2))).toBe(1);
  });
});

import { describe, expect, test } from '@jest/globals';
import { TicketKeys } from './ticket-keys.js';

const HOUR_MS = 3_600_000;
const SECRET = new Uint8Array(32).fill(7);
const START_MS = 1000 * 6 * HOUR_MS;

function id(number: number): Uint8Array {
  return new Uint8Array(Buffer.from(number.toString(16).padStart(16, '0'), 'hex'));
}

describe('the keys of tickets', () => {
  test('hold for six hours, and for one configuration; processes with the same secret have the same', () => {
    const keys = new TicketKeys(SECRET, 'a');
    const { key, serial } = keys.current(START_MS);
    expect(key).toHaveLength(48);
    expect(keys.current(START_MS + 6 * HOUR_MS - 1)).toEqual({ key, serial });
    expect(new TicketKeys(SECRET, 'a').current(START_MS).key).toEqual(key);
    expect(new TicketKeys(SECRET, 'b').current(START_MS).key).not.toEqual(key);
    const next = keys.current(START_MS + 6 * HOUR_MS);
    expect(next.key).not.toEqual(key);
  });

  test('change with a clock that is put back, and none of before comes again', () => {
    const keys = new TicketKeys(SECRET, 'a');
    const made = [0, 100, 50, 56, 100, 106].map((hours) => keys.current(START_MS + hours * HOUR_MS));
    expect(new Set(made.map(({ serial }) => serial)).size).toBe(6);
    expect(new Set(made.map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(6);
    expect(keys.current(START_MS + 107 * HOUR_MS)).toEqual(made.at(-1));
  });

  test('that are shared are those of the wall clock, wherever it was before', () => {
    const keys = new TicketKeys(SECRET, 'a', true);
    keys.current(START_MS + 100 * HOUR_MS);
    expect(keys.current(START_MS)).toEqual(new TicketKeys(SECRET, 'a', true).current(START_MS));
  });

  test('take early data of a first flight once, also while the key changes', () => {
    const keys = new TicketKeys(SECRET, 'a');
    keys.current(START_MS);
    expect([keys.admitEarly([id(1)]), keys.admitEarly([id(1)]), keys.admitEarly([id(2)])]).toEqual([true, false, true]);
    keys.current(START_MS + 6 * HOUR_MS);
    expect(keys.admitEarly([id(1)])).toBe(false);
  });

  test('take early data of a first flight once, under whichever of its ids it comes', () => {
    const keys = new TicketKeys(SECRET, 'a');
    keys.current(START_MS);
    expect(keys.admitEarly([id(1), id(2)])).toBe(true);
    expect([keys.admitEarly([id(2)]), keys.admitEarly([id(1)]), keys.admitEarly([id(1), id(3)])]).not.toContain(true);
    // Those that came with one that is known are known, too.
    expect([keys.admitEarly([id(3)]), keys.admitEarly([id(4), id(3)]), keys.admitEarly([id(4)])]).not.toContain(true);
  });

  test('change when there are too many first flights to remember', () => {
    const keys = new TicketKeys(SECRET, 'a');
    const before = keys.current(START_MS);
    for (let n = 0; n < 65_536; n++) keys.admitEarly([id(n)]);
    expect(keys.current(START_MS)).toEqual(before);
    expect(keys.admitEarly([id(65_536)])).toBe(true);
    expect(keys.current(START_MS).key).not.toEqual(before.key);
    expect(keys.admitEarly([id(0)])).toBe(false);
  });
});

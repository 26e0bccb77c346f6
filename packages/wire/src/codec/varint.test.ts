import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { varint } from '../test-support/wire-fields.js';
import { fieldSize, readVarint, UNUSUAL, varintSize, writeField, writeVarint } from './varint.js';

const safe = fc.oneof(
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 300 }),
  fc.tuple(fc.integer({ min: 0, max: 52 }), fc.constantFrom(-1, 0, 1)).map(([bits, by]) => 2 ** bits + by),
);

describe('varint', () => {
  test('writes what the slow twin writes, in as many bytes as it says', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const target = new Uint8Array(10);
        const end = writeVarint(target, 0, value);
        expect([...target.subarray(0, end)]).toEqual(varint(value));
        expect(varintSize(value)).toBe(end);
      }),
    );
  });

  test('reads back what was written, up to 7 bytes', () => {
    fc.assert(
      fc.property(safe, fc.integer({ min: 0, max: 2 }), (value, padding) => {
        const bytes = Uint8Array.from([9, ...varint(value, padding), 9]);
        const cursor = { bytes, position: 1 };
        const read = readVarint(cursor, bytes.length);
        if (bytes.length - 2 > 7) expect(read).toBe(UNUSUAL);
        else expect([read, cursor.position]).toEqual([value, bytes.length - 1]);
      }),
    );
  });

  test('does not read beyond the end that it is given', () => {
    const bytes = Uint8Array.of(0x80, 0x80, 0x01);
    expect(readVarint({ bytes, position: 0 }, 2)).toBe(UNUSUAL);
    expect(readVarint({ bytes, position: 0 }, 0)).toBe(UNUSUAL);
    expect(readVarint({ bytes, position: 0 }, 3)).toBe(0x4000);
  });

  test('a field of 0 is absent', () => {
    expect(fieldSize(0)).toBe(0);
    expect(writeField(new Uint8Array(0), 0, 0x08, 0)).toBe(0);
    expect(fieldSize(300)).toBe(3);
  });
});

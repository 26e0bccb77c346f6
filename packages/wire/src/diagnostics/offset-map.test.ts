import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { codeOf } from '../test-support/outcomes.js';
import { OffsetMap, type OffsetMapping } from './offset-map.js';

const piece: OffsetMapping = { streamId: 4n, offset: 1_000n, length: 100, realStreamId: 7, quicOffset: 52n };

describe('OffsetMap', () => {
  test('maps every byte of a piece both ways', () => {
    const map = new OffsetMap();
    map.record(piece);
    expect(map.toReal(4n, 1_000n)).toEqual({ realStreamId: 7, quicOffset: 52n });
    expect(map.toReal(4n, 1_099n)).toEqual({ realStreamId: 7, quicOffset: 151n });
    expect(map.toLogical(7, 151n)).toEqual({ streamId: 4n, offset: 1_099n });
  });

  test('knows nothing beside the piece', () => {
    const map = new OffsetMap();
    map.record(piece);
    expect(map.toReal(4n, 999n)).toBeUndefined();
    expect(map.toReal(4n, 1_100n)).toBeUndefined();
    expect(map.toReal(8n, 1_000n)).toBeUndefined();
    expect(map.toLogical(7, 51n)).toBeUndefined();
    expect(map.toLogical(7, 152n)).toBeUndefined();
    expect(map.toLogical(11, 52n)).toBeUndefined();
  });

  test.each([0, -1, 1.5, Number.NaN])('a capacity of %p is none', (capacity) => {
    expect(codeOf(() => new OffsetMap({ capacity }))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });

  test('of a byte that went twice, it knows the latest place', () => {
    const map = new OffsetMap();
    map.record(piece);
    map.record({ ...piece, realStreamId: 11, quicOffset: 5n });
    expect(map.toReal(4n, 1_050n)).toEqual({ realStreamId: 11, quicOffset: 55n });
    expect(map.toLogical(7, 102n)).toEqual({ streamId: 4n, offset: 1_050n });
  });

  test('remembers the last pieces and no more, as a plain list would', () => {
    const pieces = fc.array(
      fc.record({
        streamId: fc.bigInt(0n, 2n),
        offset: fc.bigInt(0n, 30n),
        length: fc.integer({ min: 0, max: 10 }),
        realStreamId: fc.integer({ min: 0, max: 2 }),
        quicOffset: fc.bigInt(0n, 30n),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 8 }), (recorded, capacity) => {
        const map = new OffsetMap({ capacity });
        recorded.forEach((one) => map.record(one));
        const known = recorded.slice(-capacity);
        expect(map.size).toBe(known.length);
        for (let offset = 0n; offset < 45n; offset++) {
          const last = known.findLast(
            (one) => one.streamId === 1n && offset >= one.offset && offset < one.offset + BigInt(one.length),
          );
          const expected = last && {
            realStreamId: last.realStreamId,
            quicOffset: last.quicOffset + offset - last.offset,
          };
          expect(map.toReal(1n, offset)).toEqual(expected);
        }
      }),
    );
  });
});

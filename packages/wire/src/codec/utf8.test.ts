import { isUtf8 as isUtf8OfNode } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isUtf8, utf8Length } from './utf8.js';

/** Bytes that are nearly UTF-8: characters, some of them cut or with a byte changed. */
const almostText = fc
  .tuple(fc.string({ unit: 'binary' }), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }), fc.nat())
  .map(([text, changes, cut]) => {
    const bytes = Uint8Array.from(Buffer.from(text));
    if (bytes.length === 0) return bytes;
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes.subarray(0, bytes.length - (cut % 3));
  });

describe('isUtf8', () => {
  test('says what Node says, of whatever bytes', () => {
    fc.assert(
      fc.property(fc.oneof(almostText, fc.uint8Array({ maxLength: 8 })), (bytes) => {
        expect(isUtf8(bytes, 0, bytes.length)).toBe(isUtf8OfNode(bytes));
      }),
    );
  });

  test('says what Node says of every two bytes, alone and before two that continue', () => {
    for (let pair = 0; pair < 0x1_0000; pair++) {
      for (const bytes of [
        Uint8Array.of(pair >> 8, pair & 0xff),
        Uint8Array.of(pair >> 8, pair & 0xff, 0x80),
        Uint8Array.of(pair >> 8, pair & 0xff, 0x80, 0xbf),
      ]) {
        if (isUtf8(bytes, 0, bytes.length) !== isUtf8OfNode(bytes)) throw new Error(`differs for ${bytes.join(' ')}`);
      }
    }
  });

  test('looks at no byte outside of its bounds', () => {
    const bytes = Uint8Array.of(0xff, 0x61, 0xc3, 0xa4, 0xff);
    expect([isUtf8(bytes, 1, 4), isUtf8(bytes, 1, 3), isUtf8(bytes, 0, 0)]).toEqual([true, false, true]);
  });
});

test('utf8Length counts as Node does, halves of surrogate pairs too', () => {
  const unit = fc.oneof(fc.constantFrom('\ud800', '\udc00', '\udbff', '\udfff'), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const text = units.join('');
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});

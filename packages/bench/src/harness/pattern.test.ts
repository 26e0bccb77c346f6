import { describe, expect, test } from '@jest/globals';
import { MAX_PIECE_BYTES, Pattern, PatternReader } from './pattern.js';

describe('pattern', () => {
  const pattern = new Pattern();

  test('pieces of any cut make one stream', () => {
    const reader = new PatternReader(pattern);
    for (const length of [1, 65_520, 65_521, 65_522, 999_983, MAX_PIECE_BYTES, 0, 5]) {
      reader.read(pattern.piece(reader.bytes, length));
    }
    expect(reader.bytes).toBe(1 + 65_520 + 65_521 + 65_522 + 999_983 + MAX_PIECE_BYTES + 5);
  });

  test('more than a period at once is checked whole', () => {
    const whole = Buffer.concat([pattern.piece(0, MAX_PIECE_BYTES), pattern.piece(MAX_PIECE_BYTES, MAX_PIECE_BYTES)]);
    expect(() => pattern.check(whole, 0)).not.toThrow();
    whole[MAX_PIECE_BYTES + 7]! ^= 1;
    expect(() => pattern.check(whole, 0)).toThrow(/wrong bytes/);
  });

  test('a bit, a shift and another seed show', () => {
    const copy = Uint8Array.from(pattern.piece(10, 5000));
    copy[4999]! ^= 0x80;
    expect(() => pattern.check(copy, 10)).toThrow(/wrong bytes between 10 and 5010/);
    expect(() => pattern.check(pattern.piece(10, 5000), 11)).toThrow(/wrong bytes/);
    expect(() => pattern.check(new Pattern(2).piece(10, 5000), 10)).toThrow(/wrong bytes/);
  });
});

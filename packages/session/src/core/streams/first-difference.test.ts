import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { firstDifference } from './first-difference.js';

it('finds the first byte that differs, wherever the arrays lie', () => {
  const bytes = fc.uint8Array({ maxLength: 20, max: 1 });
  fc.assert(
    fc.property(bytes, bytes, fc.nat(3), (first, second, shift) => {
      const length = Math.min(first.length, second.length);
      const one = first.subarray(0, length);
      const other = Uint8Array.from([...Array<number>(shift).fill(1), ...second]).subarray(shift, shift + length);
      const at = one.findIndex((byte, index) => byte !== other[index]);
      expect(firstDifference(one, other)).toBe(at < 0 ? length : at);
      expect(firstDifference(one, Uint8Array.from(one))).toBe(length);
    }),
  );
});

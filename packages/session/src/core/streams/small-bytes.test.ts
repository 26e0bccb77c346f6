import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { join, keep, SMALL_BYTES } from './small-bytes.js';

describe('small bytes', () => {
  it('joins in order, and never changes what was given out before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 60 }),
        (pieces) => {
          const head = keep(pieces[0]!);
          const joined = [...pieces[0]!];
          const given: { view: Uint8Array; copy: number[] }[] = [];
          for (const piece of pieces.slice(1)) {
            given.push({ view: head.data, copy: [...head.data] });
            if (!join(head, piece)) break;
            joined.push(...piece);
          }
          expect([...head.data]).toEqual(joined);
          for (const { view, copy } of given) expect([...view]).toEqual(copy);
        },
      ),
    );
  });

  it('copies small pieces, so that the chunk they came in can go, and keeps large ones as they are', () => {
    const chunk = new Uint8Array(65_536).fill(7);
    const small = keep(chunk.subarray(10, 10 + SMALL_BYTES - 1));
    expect(small.data.buffer.byteLength).toBe(SMALL_BYTES - 1);
    const large = chunk.subarray(0, SMALL_BYTES);
    expect(keep(large).data).toBe(large);
    expect(join(keep(large), Uint8Array.of(1))).toBe(false);
  });

  it('copies out of a Node buffer too, whose slice would be a view', () => {
    const chunk = Buffer.from('abcdef');
    const kept = keep(chunk.subarray(1, 3));
    chunk.fill(0);
    expect([...kept.data]).toEqual([98, 99]);
  });
});

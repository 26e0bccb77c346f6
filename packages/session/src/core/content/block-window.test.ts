import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BlockWindow } from './block-window.js';

describe('BlockWindow', () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.integer({ min: -40, max: 60 }), value: fc.nat() }),
    fc.record({ kind: fc.constant('delete' as const), at: fc.integer({ min: -40, max: 60 }), value: fc.constant(0) }),
  );

  it('holds what a Map would hold, while its blocks move on', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600 }), (changes) => {
        const window = new BlockWindow<number>();
        const model = new Map<number, number>();
        changes.forEach(({ kind, at, value }, index) => {
          const block = 100 + index + at;
          if (kind === 'set') {
            window.set(block, value);
            model.set(block, value);
          } else {
            expect(window.delete(block)).toBe(model.delete(block));
          }
          expect(window.size).toBe(model.size);
          expect(window.get(block)).toBe(model.get(block));
        });
        const inOrder = [...model].sort(([a], [b]) => a - b);
        expect([...window.values()]).toEqual(inOrder.map(([, value]) => value));
        for (const [block, value] of inOrder) expect(window.get(block)).toBe(value);
      }),
    );
  });

  it('knows nothing of blocks on either side', () => {
    const window = new BlockWindow<string>();
    expect(window.get(5)).toBeUndefined();
    window.set(5, 'a');
    expect([4, 5, 6].map((block) => window.has(block))).toEqual([false, true, false]);
    expect(window.delete(4)).toBe(false);
  });
});

import { expect, test } from '@jest/globals';
import { drawBar } from './bar.js';

test.each([true, false])('a bar has exactly its width at every fraction (unicode: %s)', (unicode) => {
  for (const width of [0, 1, 6, 40]) {
    for (let step = -10; step <= 110; step++) {
      const { filled, rest } = drawBar(step / 100, width, { unicode });
      expect([...filled, ...rest]).toHaveLength(width);
    }
  }
});

test('shows eighths, is full at 1, and takes nonsense for nothing', () => {
  expect(drawBar(0.5, 4, { unicode: false })).toEqual({ filled: '##', rest: '--' });
  expect(drawBar(5 / 16, 2, { unicode: true })).toEqual({ filled: '▋', rest: '░' });
  expect(drawBar(1, 3, { unicode: true })).toEqual({ filled: '███', rest: '' });
  expect(drawBar(Number.NaN, 2, { unicode: true }).filled).toBe('');
});

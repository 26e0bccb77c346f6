import { describe, expect, test } from '@jest/globals';
import { columnsOf, fit as fitted, jsonLine, oneLine } from './text.js';

describe('oneLine', () => {
  test.each([
    ['a\nb\tc', 'a b c'],
    ['\u001b[2Jgone', '[2Jgone'],
    ['evil\u202egpj.exe', 'evil gpj.exe'],
    ['one\u061ctwo', 'one two'],
    ['\u009b31mred\u0000', '31mred'],
    ['two\u2028lines', 'two lines'],
    ['été ✓ 文', 'été ✓ 文'],
  ])('%j becomes %j', (text, clean) => {
    expect(oneLine(text)).toBe(clean);
  });

  test('cuts whole characters, not halves of a pair', () => {
    expect(oneLine('😀😀😀', 2)).toBe('😀…');
    expect(oneLine('abc', 3)).toBe('abc');
    expect([...oneLine('x'.repeat(10_000))]).toHaveLength(500);
  });
});

describe('columns', () => {
  test('wide characters take two, combining ones none', () => {
    expect([columnsOf('abc'), columnsOf('文字'), columnsOf('e\u0301'), columnsOf('🎬')]).toEqual([3, 4, 1, 2]);
  });

  test('fit fills or cuts to exactly the width, also in the middle of a wide character', () => {
    for (const text of ['', 'film.bin', 'a very long name of a film', '文字文字文字', 'é文é文é文é文']) {
      for (let width = 0; width <= 20; width++) expect(columnsOf(fitted(text, width))).toBe(width);
    }
    expect(fitted('film', 6)).toBe('film  ');
    expect(fitted('film.bin', 5)).toBe('film…');
  });
});

test('JSON holds nothing that a terminal acts on, and means the same', () => {
  const value = { path: 'a\u009b2J\u202e\u007f\u2028\n\u001b[1mx', other: 'ä€😀' };
  const line = jsonLine(value);
  expect(line).toContain('ä€😀');
  expect(line).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}]*$/u);
  expect(JSON.parse(line)).toEqual(value);
});

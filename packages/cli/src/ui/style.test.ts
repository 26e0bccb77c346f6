import { expect, test } from '@jest/globals';
import { paint, styleFor } from './style.js';

test.each([
  [true, { LANG: 'C.UTF-8' }, { live: true, color: true, unicode: true }],
  [true, { LANG: 'C.UTF-8', LC_ALL: 'C' }, { live: true, color: true, unicode: false }],
  [true, { LANG: 'C.UTF-8', LC_ALL: '', NO_COLOR: '1' }, { live: true, color: false, unicode: true }],
  [true, { NO_COLOR: '' }, { live: true, color: true, unicode: false }],
  [true, { TERM: 'dumb', LANG: 'de_DE.utf8' }, { live: false, color: false, unicode: true }],
  [false, { LANG: 'C.UTF-8' }, { live: false, color: false, unicode: true }],
])('terminal %s, %j', (isTty, env, style) => {
  expect(styleFor({ isTty }, env, 'linux')).toEqual(style);
});

test('no locale: block characters on macOS and Windows', () => {
  expect(styleFor({ isTty: true }, {}, 'darwin').unicode).toBe(true);
  expect(styleFor({ isTty: true }, { LANG: 'C' }, 'win32').unicode).toBe(true);
});

test('paints only where colours are shown', () => {
  expect(paint({ color: true }, 'x', 'green')).toBe('\u001b[32mx\u001b[0m');
  expect([paint({ color: false }, 'x', 'green'), paint({ color: true }, '', 'red')]).toEqual(['x', '']);
});

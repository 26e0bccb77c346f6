import { describe, expect, test } from '@jest/globals';
import { parseServedPath } from './served-path.js';

describe('parseServedPath', () => {
  test.each([
    ['a', ['a']],
    ['a/b c/ü', ['a', 'b c', 'ü']],
    ['...', ['...']],
    ['.hidden', ['.hidden']],
    // Nothing is decoded: this is a name of six characters.
    ['%2e%2e/x', ['%2e%2e', 'x']],
    ['C:', ['C:']],
    ['nul', ['nul']],
  ])('%s is taken as it stands', (path, segments) => {
    expect(parseServedPath(path, 'linux')).toEqual(segments);
  });

  const everywhere = [
    ...['', '/', '/etc/passwd', '//x', 'a//b', 'a/', '.', '..', './a', 'a/.', '../a', 'a/../b', 'a/..', 'a\0b'],
    ...['..\\a', 'a\\..\\..\\b', '\\\\host\\share', 'C:\\x', 'x'.repeat(4097)],
  ];
  test.each(everywhere)('%.30j is refused on every system', (path) => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(() => parseServedPath(path, platform)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_PERMISSION_DENIED' }),
      );
    }
  });

  test.each(['C:', 'C:x', 'file:stream', 'nul', 'NUL.txt', 'com1', 'a/LPT9.log', 'conin$', 'dots...', 'blank ', 'a?'])(
    '%s is refused on Windows',
    (path) => {
      expect(() => parseServedPath(path, 'win32')).toThrow(/no file name on this system/u);
    },
  );
});

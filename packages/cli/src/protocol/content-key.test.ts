import { expect, test } from '@jest/globals';
import { decodeContentKey, encodeContentKey } from './content-key.js';

test.each([
  { path: 'a/b c', size: 10, offset: 0 },
  { path: '"\u0001\\ü'.repeat(1000), size: Number.MAX_SAFE_INTEGER, offset: 5 },
])('a key comes back', (key) => {
  expect(decodeContentKey(encodeContentKey(key))).toEqual(key);
});

test('exact text', () => {
  expect(encodeContentKey({ path: 'a', size: 2, offset: 1 })).toBe('kwik-file:{"path":"a","size":2,"offset":1}');
});

test.each([
  '',
  'film',
  'kwik-file:',
  'kwik-file:{',
  'kwik-file:null',
  'kwik-file:{"path":"","size":1,"offset":0}',
  'kwik-file:{"path":"a","size":-1,"offset":0}',
  'kwik-file:{"path":"a","size":1.5,"offset":0}',
  'kwik-file:{"path":"a","size":1,"offset":2}',
  `kwik-file:{"path":"${'a'.repeat(4097)}","size":1,"offset":0}`,
  `kwik-file:${' '.repeat(30_000)}{"path":"a","size":1,"offset":0}`,
])('%.60s is no key', (text) => {
  expect(decodeContentKey(text)).toBeUndefined();
});

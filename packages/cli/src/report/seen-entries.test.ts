import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { SeenEntries } from './seen-entries.js';

test('each hash is new once, as in a set', () => {
  const seen = new SeenEntries();
  const hashes = Array.from({ length: 20_000 }, (_, n) => createHash('sha256').update(String(n)).digest());
  expect(hashes.filter((hash) => seen.add(hash))).toHaveLength(hashes.length);
  expect(hashes.filter((hash) => seen.add(hash))).toEqual([]);
});

test('hashes that fall together are told apart, and a hash of zeros is one as well', () => {
  const seen = new SeenEntries();
  const alike = Array.from({ length: 300 }, (_, n) =>
    Uint8Array.from({ length: 32 }, (_one, at) => (at === 0 ? n : 0)),
  );
  expect(alike.slice(0, 256).filter((hash) => seen.add(hash))).toHaveLength(256);
  expect(alike.filter((hash) => seen.add(hash))).toEqual([]);
  // A part of a larger buffer.
  const buffer = Buffer.alloc(64, 7);
  expect([seen.add(buffer.subarray(32)), seen.add(Uint8Array.from(buffer.subarray(0, 32)))]).toEqual([true, false]);
});

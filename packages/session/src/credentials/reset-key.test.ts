import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { listenerResetKey } from '../server/reset-key.js';
import { persistentResetKey } from './reset-key.js';

let folder: string;
const before = process.env['KWIK_DATA_DIR'];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-reset-'));
  process.env['KWIK_DATA_DIR'] = join(folder, 'data');
});

afterEach(async () => {
  if (before === undefined) delete process.env['KWIK_DATA_DIR'];
  else process.env['KWIK_DATA_DIR'] = before;
  await rm(folder, { recursive: true, force: true });
});

test('the key is made once, by whoever comes first, for the user alone', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => persistentResetKey()));
  for (const key of keys) expect(key).toEqual(keys[0]);
  expect(keys[0]).toHaveLength(32);
  expect(await persistentResetKey()).toEqual(keys[0]);
  expect(await readdir(join(folder, 'data'))).toEqual(['reset-key']);
  expect((await stat(join(folder, 'data', 'reset-key'))).mode & 0o777).toBe(0o600);
});

test('without a place for it there is none, and what is there and no key stays', async () => {
  process.env['KWIK_DATA_DIR'] = join(folder, 'file');
  await writeFile(join(folder, 'file'), 'a file');
  expect(await persistentResetKey()).toBeUndefined();
  process.env['KWIK_DATA_DIR'] = folder;
  await writeFile(join(folder, 'reset-key'), 'mine');
  expect(await persistentResetKey()).toBeUndefined();
});

test('listeners on other hosts and ports have other keys; one whose port the system chooses has none', () => {
  const key = new Uint8Array(32).fill(7);
  const one = listenerResetKey(key, '127.0.0.1', 4433);
  expect(one).toHaveLength(32);
  expect(listenerResetKey(key, '127.0.0.1', 4433)).toEqual(one);
  for (const other of [listenerResetKey(key, '127.0.0.1', 4434), listenerResetKey(key, '::1', 4433), key])
    expect(other).not.toEqual(one);
  expect(listenerResetKey(key, '127.0.0.1', 0)).toBeUndefined();
  expect(listenerResetKey(undefined, '127.0.0.1', 4433)).toBeUndefined();
  expect(() => listenerResetKey(key.subarray(1), '127.0.0.1', 1)).toThrow(
    expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
  );
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { makeKeys } from './keys.js';
import { compare } from './run.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('the same program brings every byte over TCP, TLS and KWIK', async () => {
  const measured = await compare(10_000_001, makeKeys());
  expect(measured.map(({ name, bytes }) => [name, bytes])).toEqual([
    ['TCP', 10_000_001],
    ['TLS', 10_000_001],
    ['KWIK', 10_000_001],
  ]);
});

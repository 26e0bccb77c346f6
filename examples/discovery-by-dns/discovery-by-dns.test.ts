import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { run } from './run.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('a service is found by its name, the near server first, and the other when that has gone', async () => {
  const { first, reasons, afterwards } = await run();
  expect(first).toBe('hello from one');
  expect(reasons).toEqual([expect.stringMatching(/^one: /), expect.stringMatching(/^two: /)]);
  expect(afterwards).toBe('hello from two');
});

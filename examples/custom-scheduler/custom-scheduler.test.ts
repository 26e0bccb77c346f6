import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { runUpload } from './run.js';

jest.setTimeout(60_000);

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('the scheduler of the program is asked, and spares the metered path', async () => {
  const { received, chosen } = await runUpload(5_000_000, 1);
  expect(received).toBe(5_000_000);
  expect(chosen.get(0)).toBeGreaterThan(10);
  expect(chosen.get(1) ?? 0).toBe(0);
});

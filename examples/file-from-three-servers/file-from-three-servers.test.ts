import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { fetchFile } from './client.js';
import { addressOf, runThreeServers } from './run.js';
import { startPrimary } from './server.js';

jest.setTimeout(60_000);

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('the file comes from all three, byte for byte', async () => {
  const size = 12_000_000;
  const { same, shares } = await runThreeServers(randomBytes(size));
  expect(same).toBe(true);
  expect(shares).toHaveLength(3);
  for (const { bytes } of shares) expect(bytes).toBeGreaterThan(0);
  // Blocks that are late are asked of two servers.
  expect(shares.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThanOrEqual(size);
});

test('a file that is not there is refused, and a name cannot leave the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-example-'));
  await using primary = await startPrimary(folder, []);
  for (const name of ['none', '../../etc/hostname']) {
    await expect(fetchFile(addressOf(primary), name, join(folder, 'copy'))).rejects.toMatchObject({
      code: 'ERR_KWIK_STREAM_RESET',
      applicationCode: 404,
    });
  }
  await rm(folder, { recursive: true, force: true });
});

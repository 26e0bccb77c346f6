import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { missingPrograms, POSTGRES, startRealServer } from '@kwik/testbed/programs';
import { useDataFolder } from '../test-support/data-folder.js';
import { run } from './run.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

// eslint-disable-next-line no-restricted-syntax -- the gate counts it, and a machine without PostgreSQL cannot run it
(missingPrograms(POSTGRES).length === 0 ? test : test.skip)(
  'a transaction goes on when one of two relays is killed in its middle',
  async () => {
    const server = await startRealServer(POSTGRES);
    try {
      const { rows, inserted, relayedBytes } = await run({ port: server.port, user: 'kwik', database: 'postgres' });
      expect(rows).toBe(inserted);
      expect(Math.max(...relayedBytes)).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  },
);

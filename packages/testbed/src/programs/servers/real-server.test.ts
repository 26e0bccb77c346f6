import { connect } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { MARIADB, missingPrograms, NGINX, POSTGRES, REDIS, SSHD, startRealServer } from '../index.js';

const PLANS = { MARIADB, NGINX, POSTGRES, REDIS, SSHD };

describe('real servers', () => {
  for (const [name, plan] of Object.entries(PLANS)) {
    const missing = missingPrograms(plan);
    const title = `${name} takes connections, and leaves nothing behind`;
    // eslint-disable-next-line no-restricted-syntax -- a machine without the server cannot run it
    const run = missing.length === 0 ? test : test.skip;
    run(missing.length === 0 ? title : `${title} (missing: ${missing.join(', ')})`, async () => {
      const server = await startRealServer(plan);
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      await server.stop();
      expect(existsSync(server.folder)).toBe(false);
    });
  }
});

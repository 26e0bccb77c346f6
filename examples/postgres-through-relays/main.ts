import { missingPrograms, POSTGRES, startRealServer } from '@kwik/testbed/programs';
import { run } from './run.js';

const missing = missingPrograms(POSTGRES);
if (missing.length > 0) {
  console.error(`PostgreSQL is not installed: ${missing.join(', ')}. On Debian: apt-get install postgresql`);
  process.exitCode = 1;
} else {
  const server = await startRealServer(POSTGRES);
  try {
    const { rows, inserted, relayedBytes } = await run({ port: server.port, user: 'kwik', database: 'postgres' });
    console.log(`${rows} of ${inserted} rows are there; one relay was killed half-way`);
    console.log(`bytes through the relays: ${relayedBytes.join(', ')}`);
  } finally {
    await server.stop();
  }
}

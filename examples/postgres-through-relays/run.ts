import net, { configure } from '@kwik/socket';
import { listen, type Listener } from '@kwik/session';
import pg from 'pg';
import { startGate } from './database-gate.js';

const QUERIES = 200;

export interface Database {
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export interface Outcome {
  /** Rows that were there at the end, of those that were inserted. */
  readonly rows: number;
  readonly inserted: number;
  /** Bytes that went through each relay, either way. */
  readonly relayedBytes: readonly number[];
}

/** A relay: it forwards to the gate's machine, and has no key to what it forwards. */
function startRelay(): Promise<Listener> {
  return listen({ relay: { anchors: ['127.0.0.1'], forClients: true } });
}

const forwardedBy = (relay: Listener): number => relay.stats().relay.forwardedBytes;

/** One transaction over two relays; in its middle one of them is killed. */
export async function run(database: Database): Promise<Outcome> {
  const gate = await startGate(database.port);
  const relays = [await startRelay(), await startRelay()];
  const addresses = relays.map((relay) => `127.0.0.1:${relay.address().port}`);
  configure({ relays: addresses });
  // The client is pg as it comes; only its socket is another.
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port: gate.port, user: database.user, database: database.database },
    stream: () => new net.Socket(),
  });
  try {
    await client.connect();
    await client.query('BEGIN');
    await client.query('CREATE TEMPORARY TABLE entries (n int, text text)');
    for (let n = 0; n < QUERIES; n++) {
      if (n === QUERIES / 2) await kill(relays);
      await client.query('INSERT INTO entries VALUES ($1, $2)', [n, 'x'.repeat(2000)]);
    }
    const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM entries');
    await client.query('COMMIT');
    return { rows: rows[0]?.count ?? 0, inserted: QUERIES, relayedBytes: relays.map(forwardedBy) };
  } finally {
    await client.end();
    await gate.stop();
    for (const relay of relays) await relay.close({ force: true });
  }
}

/** The one that carried more, without a word to anybody. */
async function kill(relays: readonly Listener[]): Promise<void> {
  const [busiest] = [...relays].sort((a, b) => forwardedBy(b) - forwardedBy(a));
  await busiest?.close({ force: true });
}

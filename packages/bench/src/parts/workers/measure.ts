import { fileURLToPath } from 'node:url';
import { startWorkers, type ListenerStats } from '@kwik/session';
import type { Credentials } from '../../harness/certificates.js';
import { Children } from '../../harness/children.js';
import { median } from '../../harness/stats.js';
import type { PartContext } from '../../part.js';
import type { ClientCalls } from '../scale/client.js';
import type { WorkerPayload } from './worker.js';

/** Two keep a worker busy; four reach each of four. */
const CLIENTS = 4;
/** Of each: all of them together have one address, which has to prove itself from 256 half-open connections on, and is let have 500. */
const HANDSHAKES_AT_ONCE = 64 / CLIENTS;
const SESSIONS = 2_000;
const QUICK_SESSIONS = 200;
/** Rounds of an echo on each session. */
const ECHO_ROUNDS = 3;
const BULK_BYTES = 100_000_000;
const QUICK_BULK_BYTES = 10_000_000;
const MB = 1e6;

/** What so many workers do together, in a second. */
export interface OfWorkers {
  readonly handshakes: number;
  readonly echoes: number;
  readonly goodputMbps: number;
  /** Sessions of the worker with the most, of all. */
  readonly largestShare: number;
}

/** The median of the rounds, each with processes of its own. */
export async function measureWorkers(
  workers: number,
  credentials: Credentials,
  context: PartContext,
): Promise<OfWorkers> {
  const rounds: OfWorkers[] = [];
  for (let round = 0; round < (context.quick ? 1 : context.rounds); round++) {
    context.log(`${workers} ${workers === 1 ? 'worker' : 'workers'}, round ${round + 1}`);
    rounds.push(await measureOnce(workers, credentials, context));
  }
  const of = (figure: keyof OfWorkers): number => median(rounds.map((one) => one[figure]));
  return {
    handshakes: of('handshakes'),
    echoes: of('echoes'),
    goodputMbps: of('goodputMbps'),
    largestShare: of('largestShare'),
  };
}

async function measureOnce(workers: number, credentials: Credentials, context: PartContext): Promise<OfWorkers> {
  const sessions = context.quick ? QUICK_SESSIONS : SESSIONS;
  const payload: WorkerPayload = { credentials, sessions: 2 * sessions };
  const script = fileURLToPath(new URL('./worker.js', import.meta.url));
  await using fleet = await startWorkers({ count: workers, script, execArgv: [], payload });
  await using children = new Children({ cpuProfileFolder: context.cpuProfileFolder });
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    children.start<ClientCalls>(new URL('../scale/client.js', import.meta.url), { label: `workers-client-${index}` }),
  );
  const open = {
    port: fleet.address.port,
    ca: credentials.caPem,
    count: Math.ceil(sessions / CLIENTS),
    atOnce: HANDSHAKES_AT_ONCE,
  };
  // Code is compiled then, at both ends.
  await Promise.all(clients.map((client) => client.call('openSessions', { ...open, count: 20 })));
  await Promise.all(clients.map((client) => client.call('echoAll', undefined)));
  const opened = await Promise.all(clients.map((client) => client.call('openSessions', open)));
  const failure = opened.find((one) => one.failure !== undefined)?.failure;
  if (failure !== undefined) throw new Error(`a session was not opened: ${failure}`);
  const stats = (await fleet.stats()).map(({ stats }) => (stats as ListenerStats).sessions);
  const [echoes, echoSeconds] = await timed(async () => {
    let echoed = 0;
    for (let round = 0; round < ECHO_ROUNDS; round++) {
      const each = await Promise.all(clients.map((client) => client.call('echoAll', undefined)));
      echoed += each.reduce((sum, one) => sum + one.echoed, 0);
    }
    return echoed;
  });
  const bytes = context.quick ? QUICK_BULK_BYTES : BULK_BYTES;
  const [, bulkSeconds] = await timed(() => Promise.all(clients.map((client) => client.call('fetchBulk', bytes))));
  return {
    handshakes: opened.reduce((sum, one) => sum + one.opened, 0) / Math.max(...opened.map((one) => one.seconds)),
    echoes: echoes / echoSeconds,
    goodputMbps: (CLIENTS * bytes) / MB / bulkSeconds,
    largestShare: Math.max(...stats) / stats.reduce((sum, each) => sum + each, 0),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startMs = performance.now();
  const result = await work();
  return [result, (performance.now() - startMs) / 1000];
}

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../../harness/certificates.js';
import { Children, type ChildHandle } from '../../harness/children.js';
import { jain, median } from '../../harness/stats.js';
import type { PartContext } from '../../part.js';
import type { ClientCalls, OpenResult, OpenTask } from './client.js';
import type { ServerCalls } from './server.js';

/** Clients cost memory and descriptors, too. */
const SESSIONS_PER_CLIENT = 5_000;
/** Opened by each client and closed again before anything is measured: code is compiled then, and pools are filled. */
const WARM_SESSIONS = 200;
/** One more is the active one, and some of the warming up may linger. */
const SPARE_SESSIONS = 1_000;
const LINGER_MS = 15_000;
/** Several times as long as after which an idle path is asked whether it lives. */
const IDLE_MS = 10_000;
const QUICK_IDLE_MS = 4_000;
const BULK_BYTES = 100_000_000;
const QUICK_BULK_BYTES = 20_000_000;
/** Of the active session, alone and among the idle ones; the median counts. */
const TRANSFERS = 3;
const MB = 1e6;
/** The server's heap under pressure: what the process needs by itself, and some more than sessions hold that all fetch. */
const HEAP_MB = 96;
const HEAP_KB_A_SESSION = 72;
/** That all sessions together want at once; each several times what a frame carries. */
const FAIR_TOTAL_BYTES = 600_000_000;
const QUICK_FAIR_TOTAL_BYTES = 100_000_000;
const PATIENCE_MS = 600_000;

/** What it took to open so many. */
interface Opened {
  readonly count: number;
  readonly handshakesPerSecond: number;
  /** CPU per handshake, µs. */
  readonly serverMicros: number;
  readonly clientMicros: number;
  /** Resident memory of the server, each. */
  readonly kilobytes: number;
  readonly failure: string | undefined;
}

/** One number of sessions, measured once. */
export interface Measured {
  readonly sessions: number;
  readonly kwik: Opened;
  readonly driver: Opened;
  readonly echoed: number;
  /** Resident memory of the server, each, after all have echoed. */
  readonly usedKilobytes: number;
  /** Why the first handshake or echo that failed did. */
  readonly failure: string | undefined;
  /** Seconds of CPU per second of the server process while all are idle, less what it uses without them. */
  readonly idleCpu: number;
  /** The same of all clients together. */
  readonly idleClientCpu: number;
  readonly aloneMbps: number;
  readonly amongIdleMbps: number;
}

/** So many opened while the machine was busy with something else, and the server short of memory. */
export interface Starved {
  readonly echoed: number;
  /** Milliseconds that an echo took, each. */
  readonly echoMs: readonly number[];
  /** Sessions that had all that they wanted, when all wanted as much at once. */
  readonly served: number;
  /** Jain's index of what each session had when half of what all wanted at once had come. */
  readonly fairness: number;
  /** Until all were open. */
  readonly seconds: number;
  readonly failure: string | undefined;
}

type Server = ChildHandle<ServerCalls>;
type Client = ChildHandle<ClientCalls>;
type Measurable = Pick<Server | Client, 'usage'>;

export async function measure(sessions: number, credentials: Credentials, context: PartContext): Promise<Measured> {
  const driver = await measureDriver(sessions, credentials, context);
  return { sessions, driver, ...(await measureSessions(sessions, credentials, context)) };
}

async function measureDriver(sessions: number, credentials: Credentials, context: PartContext): Promise<Opened> {
  await using children = new Children({ cpuProfileFolder: undefined });
  const { server, clients } = start(children, sessions);
  const port = await server.call('serveConnections', { credentials, connections: sessions + SPARE_SESSIONS });
  const open: Open = (client, count) => client.call('openConnections', { port, ca: credentials.caPem, count });
  await warmUp(server, clients, open);
  context.log(`${sessions} connections of the driver`);
  const { opened } = await openAll(server, clients, sessions, open);
  return opened;
}

async function measureSessions(
  sessions: number,
  credentials: Credentials,
  context: PartContext,
): Promise<Omit<Measured, 'sessions' | 'driver'>> {
  await using children = new Children({ cpuProfileFolder: context.cpuProfileFolder });
  const { server, clients } = start(children, sessions);
  const active = children.start<ClientCalls>(CLIENT, { label: 'scale-active' });
  const port = await server.call('serveSessions', { credentials, sessions: sessions + SPARE_SESSIONS });
  const open: Open = (client, count) => client.call('openSessions', { port, ca: credentials.caPem, count });
  await warmUp(server, clients, open);
  await open(active, 1);
  const aloneMbps = await goodput(active, context);
  const idleMs = context.quick ? QUICK_IDLE_MS : IDLE_MS;
  const baseCpu = await cpuWhile([server], idleMs / 2);
  context.log(`${sessions} sessions`);
  const { opened, before } = await openAll(server, clients, sessions, open);
  const echoes = await Promise.all(clients.map((client) => client.call('echoAll', undefined)));
  const used = await server.call('settled', undefined);
  const [serverCpu, idleClientCpu] = await Promise.all([cpuWhile([server], idleMs), cpuWhile(clients, idleMs)]);
  const amongIdleMbps = await goodput(active, context);
  return {
    kwik: opened,
    echoed: echoes.reduce((sum, { echoed }) => sum + echoed, 0),
    usedKilobytes: (used.rssBytes - before) / 1000 / opened.count,
    failure: opened.failure ?? echoes.find(({ failure }) => failure !== undefined)?.failure,
    idleCpu: serverCpu - baseCpu,
    idleClientCpu,
    aloneMbps,
    amongIdleMbps,
  };
}

/** Opened, echoing and fetching, while other processes want every core as well, and in a heap that is nearly full. */
export async function measureStarved(
  sessions: number,
  credentials: Credentials,
  context: PartContext,
): Promise<Starved> {
  await using children = new Children({ cpuProfileFolder: undefined });
  const heapMb = HEAP_MB + Math.ceil((sessions * HEAP_KB_A_SESSION) / 1000);
  const { server, clients } = start(children, sessions, [`--max-old-space-size=${heapMb}`]);
  const port = await server.call('serveSessions', { credentials, sessions: sessions + SPARE_SESSIONS });
  for (let core = 0; core < availableParallelism(); core += 1)
    children.start(SPINNER, { label: `scale-spinner-${core}` });
  context.log(`${sessions} sessions on half the processor`);
  const share = Math.ceil(sessions / clients.length);
  const open = { port, ca: credentials.caPem, count: share };
  const opened = await Promise.all(clients.map((client) => client.call('openSessions', open)));
  const echoes = await Promise.all(clients.map((client) => client.call('echoAll', undefined)));
  const bytes = Math.ceil((context.quick ? QUICK_FAIR_TOTAL_BYTES : FAIR_TOTAL_BYTES) / sessions);
  const fetched = await Promise.all(clients.map((client) => client.call('fetchAtOnce', bytes, PATIENCE_MS)));
  return {
    echoed: echoes.reduce((sum, { echoed }) => sum + echoed, 0),
    echoMs: echoes.flatMap(({ tookMs }) => tookMs),
    served: fetched.reduce((sum, { served }) => sum + served, 0),
    fairness: Math.min(...fetched.map(({ shares }) => jain(shares))),
    seconds: Math.max(...opened.map(({ seconds }) => seconds)),
    failure: [...opened, ...echoes, ...fetched].find(({ failure }) => failure !== undefined)?.failure,
  };
}

async function goodput(active: Client, context: PartContext): Promise<number> {
  const bytes = context.quick ? QUICK_BULK_BYTES : BULK_BYTES;
  const rates: number[] = [];
  for (let transfer = 0; transfer < TRANSFERS; transfer += 1) {
    rates.push(bytes / MB / (await active.call('fetchBulk', bytes)));
  }
  return median(rates);
}

/** Seconds of CPU that the processes use in a second. */
async function cpuWhile(processes: readonly Measurable[], ms: number): Promise<number> {
  const before = await cpuOf(processes);
  const start = performance.now();
  await sleep(ms);
  const after = await cpuOf(processes);
  return (after - before) / ((performance.now() - start) / 1000);
}

// --- Processes ---

const SERVER = new URL('./server.js', import.meta.url);
const CLIENT = new URL('./client.js', import.meta.url);
const SPINNER = new URL('./spinner.js', import.meta.url);

type Open = (client: Client, count: OpenTask['count']) => Promise<OpenResult>;

function start(
  children: Children,
  sessions: number,
  nodeFlags: readonly string[] = [],
): { server: Server; clients: readonly Client[] } {
  const server = children.start<ServerCalls>(SERVER, {
    label: 'scale-server',
    nodeFlags: ['--expose-gc', ...nodeFlags],
  });
  const count = Math.max(1, Math.ceil(sessions / SESSIONS_PER_CLIENT));
  const label = (index: number): string => `scale-client-${index}`;
  const clients = Array.from({ length: count }, (_, index) =>
    children.start<ClientCalls>(CLIENT, { label: label(index) }),
  );
  return { server, clients };
}

/** Over when the server has forgotten it all. */
async function warmUp(server: Server, clients: readonly Client[], open: Open): Promise<void> {
  await Promise.all(clients.map((client) => open(client, WARM_SESSIONS)));
  await Promise.all(clients.map((client) => client.call('echoAll', undefined)));
  await Promise.all(clients.map((client) => client.call('closeAll', undefined)));
  const deadline = performance.now() + LINGER_MS;
  while ((await server.call('open', undefined)) > 0 && performance.now() < deadline) await sleep(100);
}

async function openAll(
  server: Server,
  clients: readonly Client[],
  sessions: number,
  open: Open,
): Promise<{ readonly opened: Opened; readonly before: number }> {
  const before = await server.call('settled', undefined);
  const clientBefore = await cpuOf(clients);
  const start = (await server.usage()).cpuSeconds;
  const share = Math.ceil(sessions / clients.length);
  const results = await Promise.all(clients.map((client) => open(client, share)));
  const serverCpu = (await server.usage()).cpuSeconds - start;
  const clientCpu = (await cpuOf(clients)) - clientBefore;
  const after = await server.call('settled', undefined);
  const count = results.reduce((sum, result) => sum + result.opened, 0);
  const opened: Opened = {
    count,
    handshakesPerSecond: count / Math.max(...results.map(({ seconds }) => seconds)),
    serverMicros: (serverCpu / count) * 1e6,
    clientMicros: (clientCpu / count) * 1e6,
    kilobytes: (after.rssBytes - before.rssBytes) / 1000 / count,
    failure: results.find(({ failure }) => failure !== undefined)?.failure,
  };
  return { opened, before: before.rssBytes };
}

async function cpuOf(processes: readonly Measurable[]): Promise<number> {
  const all = await Promise.all(processes.map((one) => one.usage()));
  return all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

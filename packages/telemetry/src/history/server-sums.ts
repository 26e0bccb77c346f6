import { OTHERS, sumTraffic, TrafficSums, type CounterRegistry, type SessionReading } from '@kwik/wire';
import { attempt } from '../events/subscriptions.js';

/** What a server has carried since the process began, and how its paths are now. */
export interface ServerSums {
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly paths: number;
  /** Paths that may take new data. */
  readonly well: number;
  /** Of the paths whose round trip is measured, together, milliseconds; and how many those are. */
  readonly rttMs: number;
  readonly measured: number;
  /** The worst of its paths, 0 to 1. */
  readonly lossRate: number;
}

/** Names that are told apart, when processes are taken together. */
const MAX_SERVERS = 64;
const NOTHING: ServerSums = {
  receivedBytes: 0,
  sentBytes: 0,
  paths: 0,
  well: 0,
  rttMs: 0,
  measured: 0,
  lossRate: 0,
};

/** By the names of the servers, of which a registry tells a bounded number apart. */
export function lookAt(counters: CounterRegistry): Map<string, ServerSums> {
  const sums = { client: new TrafficSums(), primary: new TrafficSums(), secondary: new TrafficSums() };
  const servers = new Map<string, ServerSums>();
  for (const source of counters.sources()) {
    if (source.kind !== 'session') continue;
    attempt(() => {
      const reading = source.read();
      sumTraffic(sums, reading);
      addPaths(servers, reading);
    });
  }
  for (const sum of [...Object.values(sums), ...Object.values(counters.departed.traffic)]) {
    for (const [name, { receivedBytes, sentBytes }] of sum.byServer) {
      addSums(servers, name, { ...NOTHING, receivedBytes, sentBytes });
    }
  }
  return servers;
}

/** Of several processes; servers beyond a number of names count together. */
export function mergedSums(
  all: Iterable<Iterable<readonly [name: string, sums: ServerSums]>>,
): Map<string, ServerSums> {
  const servers = new Map<string, ServerSums>();
  for (const one of all) {
    for (const [name, sums] of one) {
      addSums(servers, servers.has(name) || servers.size < MAX_SERVERS ? name : OTHERS, sums);
    }
  }
  return servers;
}

/** What stays of a process that is gone. */
export function carriedOnly({ receivedBytes, sentBytes }: ServerSums): ServerSums {
  return { ...NOTHING, receivedBytes, sentBytes };
}

function addPaths(into: Map<string, ServerSums>, reading: SessionReading): void {
  for (const { server, state, flow, rttMs, lossRate } of reading.paths) {
    const well = (state === 'active' || state === 'degraded') && flow === 'steady' ? 1 : 0;
    const measured = rttMs > 0 ? 1 : 0;
    addSums(into, server, { ...NOTHING, paths: 1, well, rttMs: Math.max(0, rttMs), measured, lossRate });
  }
}

function addSums(into: Map<string, ServerSums>, name: string, more: ServerSums): void {
  const sums = into.get(name) ?? NOTHING;
  into.set(name, {
    receivedBytes: sums.receivedBytes + more.receivedBytes,
    sentBytes: sums.sentBytes + more.sentBytes,
    paths: sums.paths + more.paths,
    well: sums.well + more.well,
    rttMs: sums.rttMs + more.rttMs,
    measured: sums.measured + more.measured,
    lossRate: Math.max(sums.lossRate, more.lossRate),
  });
}

/** How one server was over one minute, or one hour. */
export interface HistoryServer {
  readonly name: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Of its paths, at the end of each minute; 0: there was none. */
  readonly rttMs: number;
  /** The worst of its paths, 0 to 1. */
  readonly lossRate: number;
  readonly paths: number;
  /** Paths that could take new data. */
  readonly well: number;
}

export interface HistoryRow {
  /** When it began, milliseconds since 1970. */
  readonly atMs: number;
  readonly servers: readonly HistoryServer[];
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
/** A day of minutes, and a month of hours. */
export const MAX_MINUTES = 1_440;
export const MAX_HOURS = 31 * 24;
/** Peers choose their names, so there is a bound: those that carried most, and the others together. */
const MAX_SERVERS = 16;
const OTHERS = 'others';
const MAX_NAME_CHARACTERS = 120;

/** The busiest servers, each once, and all others as one; whoever calls itself like them is among them. */
export function bounded(servers: readonly HistoryServer[]): HistoryServer[] {
  const byName = grouped(servers.map((server) => ({ ...server, name: server.name.slice(0, MAX_NAME_CHARACTERS) })));
  const named = Array.from(byName, ([name, rows]) => merged(name, rows));
  if (named.length <= MAX_SERVERS) return named;
  const sorted = named.filter(({ name }) => name !== OTHERS).sort((a, b) => carried(b) - carried(a));
  const others = [...sorted.slice(MAX_SERVERS), ...named.filter(({ name }) => name === OTHERS)];
  return [...sorted.slice(0, MAX_SERVERS), merged(OTHERS, others)];
}

/** The hour that minutes make. */
export function hourOf(atMs: number, minutes: readonly HistoryRow[]): HistoryRow {
  const byName = grouped(minutes.flatMap(({ servers }) => servers));
  return { atMs, servers: bounded(Array.from(byName, ([name, rows]) => merged(name, rows, rows.length))) };
}

function grouped(servers: readonly HistoryServer[]): Map<string, HistoryServer[]> {
  const byName = new Map<string, HistoryServer[]>();
  for (const server of servers) {
    const rows = byName.get(server.name);
    if (rows === undefined) byName.set(server.name, [server]);
    else rows.push(server);
  }
  return byName;
}

/** Bytes are summed; paths too, or, over `times` rows of one server, averaged. */
function merged(name: string, rows: readonly HistoryServer[], times = 1): HistoryServer {
  const sum = (read: (row: HistoryServer) => number): number => rows.reduce((total, row) => total + read(row), 0);
  const measured = rows.filter(({ rttMs }) => rttMs > 0);
  return {
    name,
    receivedBytes: sum((row) => row.receivedBytes),
    sentBytes: sum((row) => row.sentBytes),
    rttMs: measured.length === 0 ? 0 : measured.reduce((total, { rttMs }) => total + rttMs, 0) / measured.length,
    lossRate: Math.max(0, ...rows.map(({ lossRate }) => lossRate)),
    paths: Math.round(sum((row) => row.paths) / times),
    well: Math.round(sum((row) => row.well) / times),
  };
}

export function carried({ receivedBytes, sentBytes }: HistoryServer): number {
  return receivedBytes + sentBytes;
}

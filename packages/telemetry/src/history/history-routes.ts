import { answer, type AdminRoute } from '../admin/admin-server.js';
import type { History } from './history.js';
import { carried, HOUR_MS, MINUTE_MS, type HistoryRow, type HistoryServer } from './history-rows.js';

/** As many as a chart can tell apart. */
const MAX_SERIES = 8;

/** What the charts of a day and of a month are made of: columns, as a chart takes them. */
export function historyRoutes(history: History): Readonly<Record<string, AdminRoute>> {
  return {
    '/history': (_request, response, url) => {
      const ofMonth = url.searchParams.get('span') === 'month';
      const rows = ofMonth ? history.hours : history.minutes;
      answer(response, 200, JSON.stringify(columnsOf(rows, ofMonth ? HOUR_MS : MINUTE_MS)), 'application/json');
    },
  };
}

interface Column {
  readonly name: string;
  /** Bytes per second, both directions; null: the process did not run, or had nothing to do with it. */
  readonly rate: readonly (number | null)[];
  /** Milliseconds. */
  readonly rtt: readonly (number | null)[];
}

/** Times are seconds since 1970; where the process did not run there is one without values, so that a chart has a gap. */
export function columnsOf(
  rows: readonly HistoryRow[],
  spanMs: number,
): { readonly times: number[]; readonly servers: Column[] } {
  const all = withGaps(rows, spanMs);
  const totals = new Map<string, number>();
  for (const { servers } of rows) {
    for (const server of servers) totals.set(server.name, (totals.get(server.name) ?? 0) + carried(server));
  }
  const names = [...totals]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_SERIES)
    .map(([name]) => name);
  const read = (name: string, value: (server: HistoryServer) => number | null): (number | null)[] =>
    all.map(({ servers }) => {
      const server = servers.find((one) => one.name === name);
      return server === undefined ? null : value(server);
    });
  return {
    times: all.map(({ atMs }) => atMs / 1000),
    servers: names.map((name) => ({
      name,
      rate: read(name, (server) => (carried(server) * 1000) / spanMs),
      rtt: read(name, ({ rttMs }) => (rttMs > 0 ? rttMs : null)),
    })),
  };
}

function withGaps(rows: readonly HistoryRow[], spanMs: number): HistoryRow[] {
  return rows.flatMap((row, index) => {
    const before = rows[index - 1];
    const isGap = before !== undefined && row.atMs - before.atMs > spanMs;
    return isGap ? [{ atMs: before.atMs + spanMs, servers: [] }, row] : [row];
  });
}

import type { AlertView } from '../alerts/alert.js';
import type { LiveOverview, LivePath, LiveServer, LiveSession } from '../live/live-state.js';
import { BoundedLines, type TimelineEntry } from '../live/timeline.js';
import type { Wanted } from './messages.js';
import type { WorkerLink } from './worker-link.js';

/** Sessions that are listed, of all workers together. */
const MAX_LISTED = 1_000;
const MAX_SERVERS = 64;

/** What page and `kwik top` show of all workers: their last answers, put together. */
export class FleetState {
  readonly #links: ReadonlyMap<number, WorkerLink>;
  readonly #lines = new BoundedLines();

  constructor(links: ReadonlyMap<number, WorkerLink>) {
    this.#links = links;
  }

  /** What workers are to be asked for: the paths of a session, and, with all, sessions, servers and alerts. */
  wanted(session: string, withAll: boolean): Wanted {
    const overview = Math.ceil(MAX_LISTED / Math.max(1, this.#links.size));
    return { ...(withAll && { overview }), sessions: session === '' ? [] : [session] };
  }

  overview(): LiveOverview {
    const links = this.#answering();
    const sessions = links.flatMap(({ worker, overview }): LiveSession[] =>
      (overview?.sessions ?? []).map((session) => ({ ...session, worker })),
    );
    return {
      total: links.reduce((sum, { overview }) => sum + (overview?.total ?? 0), 0),
      sessions,
      servers: mergedServers(links.flatMap(({ overview }) => overview?.servers ?? [])),
    };
  }

  paths(sessionId: string): readonly LivePath[] | undefined {
    return this.#answering()
      .find(({ paths }) => paths.has(sessionId))
      ?.paths.get(sessionId);
  }

  /** Those of workers, and the workers that say nothing. */
  get alerts(): AlertView[] {
    return [...this.#links.values()].flatMap((link) => {
      const { worker, alerts, silentSince } = link;
      if (silentSince !== undefined) return [silence(worker, silentSince)];
      return alerts.map((alert) => ({
        ...alert,
        id: `${worker}/${alert.id}`,
        title: `${alert.title} (worker ${worker})`,
      }));
    });
  }

  since(after: number): TimelineEntry[] {
    return this.#lines.since(after);
  }

  addLines(worker: number, lines: readonly TimelineEntry[]): void {
    for (const line of lines) this.#lines.add({ ...line, message: `[${worker}] ${line.message}` });
  }

  #answering(): WorkerLink[] {
    return [...this.#links.values()].filter(({ isSilent }) => !isSilent);
  }
}

function silence(worker: number, since: number): AlertView {
  return {
    id: `${worker}/silent`,
    severity: 'critical',
    title: `Worker ${worker} does not answer`,
    since,
    normal: 'an answer within a second',
    now: 'no answer: its sessions are not shown, and not in the metrics',
    cause: 'it is stopped, or busy without a pause',
    action: 'kill it if it stays so: its sessions go on elsewhere, and another worker takes its place',
  };
}

/** By name; a server has paths in several workers. */
function mergedServers(all: readonly LiveServer[]): LiveServer[] {
  const byName = new Map<string, LiveServer>();
  for (const server of all) {
    const known = byName.get(server.name);
    if (known === undefined && byName.size >= MAX_SERVERS) continue;
    byName.set(server.name, known === undefined ? server : mergedServer(known, server));
  }
  return [...byName.values()];
}

function mergedServer(a: LiveServer, b: LiveServer): LiveServer {
  const paths = a.paths + b.paths;
  return {
    name: a.name,
    paths,
    active: a.active + b.active,
    rttMs: paths === 0 ? 0 : (a.rttMs * a.paths + b.rttMs * b.paths) / paths,
    lossRate: Math.max(a.lossRate, b.lossRate),
    receivedPerSecond: a.receivedPerSecond + b.receivedPerSecond,
  };
}

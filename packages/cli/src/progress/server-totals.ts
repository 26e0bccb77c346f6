import type { PathInfo, PathStateName } from '@kwik/session';
import { RateWindow } from './rate-window.js';

/** One server's part in a transfer, over all paths and sessions that led to it. */
export interface ServerTotal {
  /** `host:port` as it was dialled. */
  readonly server: string;
  readonly primary: boolean;
  readonly bytes: number;
  /** Of the bytes of all servers, 0 to 1. */
  readonly share: number;
  /** Bytes per second over the last second. */
  readonly rate: number;
  readonly rttMs: number;
  readonly lostPackets: number;
  readonly state: PathStateName;
  /** Why it is in this state, when the session says so. */
  readonly reason?: string;
}

interface Entry {
  /** Of sessions that are over. */
  readonly base: { bytes: number; lostPackets: number };
  readonly window: RateWindow;
  bytes: number;
  lostPackets: number;
  latest: PathInfo;
}

/** Adds up `session.getAllPaths()`, sampled again and again, by server. Takes `now`; holds no clock. */
export class ServerTotals {
  readonly #entries = new Map<string, Entry>();

  sample(paths: readonly PathInfo[], now: number): void {
    for (const [server, group] of byServer(paths)) {
      const latest = group.at(-1);
      if (latest === undefined) continue;
      const entry = this.#entryOf(server, latest);
      entry.latest = latest;
      entry.bytes = sum(group, (path) => path.receivedBytes);
      entry.lostPackets = sum(group, (path) => path.lostPackets);
    }
    for (const entry of this.#entries.values()) entry.window.add(entry.base.bytes + entry.bytes, now);
  }

  /** The session is over; what its paths carried stays counted when the next one begins at zero. */
  endSession(): void {
    for (const entry of this.#entries.values()) {
      entry.base.bytes += entry.bytes;
      entry.base.lostPackets += entry.lostPackets;
      entry.bytes = 0;
      entry.lostPackets = 0;
    }
  }

  /** The primary first, then in the order in which the servers appeared. */
  list(): ServerTotal[] {
    const all = sum([...this.#entries.values()], (entry) => entry.base.bytes + entry.bytes);
    return [...this.#entries].map(([server, entry]) => totalOf(server, entry, all));
  }

  #entryOf(server: string, latest: PathInfo): Entry {
    let entry = this.#entries.get(server);
    if (entry === undefined) {
      entry = { base: { bytes: 0, lostPackets: 0 }, window: new RateWindow(), bytes: 0, lostPackets: 0, latest };
      this.#entries.set(server, entry);
    }
    return entry;
  }
}

function byServer(paths: readonly PathInfo[]): Map<string, PathInfo[]> {
  const groups = new Map<string, PathInfo[]>();
  for (const path of paths) {
    const group = groups.get(path.address);
    if (group === undefined) groups.set(path.address, [path]);
    else group.push(path);
  }
  return groups;
}

function totalOf(server: string, entry: Entry, all: number): ServerTotal {
  const bytes = entry.base.bytes + entry.bytes;
  const { primary, rttMs, state, reason } = entry.latest;
  return {
    server,
    primary,
    bytes,
    share: all === 0 ? 0 : bytes / all,
    rate: entry.window.rate(),
    rttMs,
    lostPackets: entry.base.lostPackets + entry.lostPackets,
    state,
    ...(reason === undefined ? {} : { reason }),
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

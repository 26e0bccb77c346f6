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

/** What one path has carried. Its counters begin at zero again with each connection; these go on. */
interface Carried {
  latest: PathInfo;
  bytes: number;
  lostPackets: number;
}

interface Entry {
  /** Of sessions that are over. */
  readonly base: { bytes: number; lostPackets: number };
  /** Of this session, by the number of the path. */
  readonly paths: Map<number, Carried>;
  readonly window: RateWindow;
  latest: PathInfo;
}

/** Adds up `session.getAllPaths()`, sampled again and again, by server. Takes `now`; holds no clock. */
export class ServerTotals {
  readonly #entries = new Map<string, Entry>();

  sample(paths: readonly PathInfo[], now: number): void {
    for (const path of paths) {
      const entry = this.#entryOf(path.address, path);
      entry.latest = path;
      entry.paths.set(path.id, carriedBy(path, entry.paths.get(path.id)));
      if (path.primary) this.#leave(path);
    }
    for (const entry of this.#entries.values()) entry.window.add(bytesOf(entry), now);
  }

  /** The session is over; what its paths carried stays counted when the next one begins at zero. */
  endSession(): void {
    for (const entry of this.#entries.values()) {
      entry.base.bytes = bytesOf(entry);
      entry.base.lostPackets = lostPacketsOf(entry);
      entry.paths.clear();
    }
  }

  /** The primary first, then in the order in which the servers appeared. */
  list(): ServerTotal[] {
    const all = sum([...this.#entries.values()], bytesOf);
    return [...this.#entries].map(([server, entry]) => totalOf(server, entry, all));
  }

  /** The path led elsewhere before: another server took the session over. */
  #leave({ id, address }: PathInfo): void {
    for (const entry of this.#entries.values()) {
      if (entry.latest.id !== id || entry.latest.address === address || !entry.paths.has(id)) continue;
      entry.latest = { ...entry.latest, primary: false, state: 'dead', reason: `${address} took the session over` };
    }
  }

  #entryOf(server: string, latest: PathInfo): Entry {
    let entry = this.#entries.get(server);
    if (entry === undefined) {
      entry = { base: { bytes: 0, lostPackets: 0 }, paths: new Map(), window: new RateWindow(), latest };
      this.#entries.set(server, entry);
    }
    return entry;
  }
}

function carriedBy(path: PathInfo, before: Carried | undefined): Carried {
  const { receivedBytes, lostPackets } = path;
  if (before === undefined) return { latest: path, bytes: receivedBytes, lostPackets };
  return {
    latest: path,
    bytes: before.bytes + growth(before.latest.receivedBytes, receivedBytes),
    lostPackets: before.lostPackets + growth(before.latest.lostPackets, lostPackets),
  };
}

/** A counter that has fallen began anew. */
function growth(before: number, now: number): number {
  return now >= before ? now - before : Math.max(0, now);
}

function bytesOf({ base, paths }: Entry): number {
  return base.bytes + sum([...paths.values()], (path) => path.bytes);
}

function lostPacketsOf({ base, paths }: Entry): number {
  return base.lostPackets + sum([...paths.values()], (path) => path.lostPackets);
}

function totalOf(server: string, entry: Entry, all: number): ServerTotal {
  const bytes = bytesOf(entry);
  const { primary, rttMs, state, reason } = entry.latest;
  return {
    server,
    primary,
    bytes,
    share: all === 0 ? 0 : bytes / all,
    rate: entry.window.rate(),
    rttMs,
    lostPackets: lostPacketsOf(entry),
    state,
    ...(reason === undefined ? {} : { reason }),
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

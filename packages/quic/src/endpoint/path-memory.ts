import type { PathMemo } from '../connection/careful-resume.js';

/** What a path carried an hour ago says little of what it carries now. */
const LIFE_MS = 3_600_000;
/** Peers: more are forgotten, the one that was noted longest ago first. */
const MAX_PEERS = 1_024;
/** Connections to one peer that begin at once share its path: one of them begins with what it carried. */
const APART_MS = 1_000;

interface Entry extends PathMemo {
  readonly untilMs: number;
  givenMs: number;
}

/** What paths to peers carried when they were last full, for connections to begin with (`connection/careful-resume.ts`). */
export class PathMemory {
  private readonly entries = new Map<string, Entry>();

  get size(): number {
    return this.entries.size;
  }

  note(peer: string, { pipeBytes, rttMs }: PathMemo, now: number): void {
    const givenMs = this.entries.get(peer)?.givenMs ?? -Infinity;
    this.forget(peer);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size < MAX_PEERS) break;
      this.entries.delete(oldest);
    }
    this.entries.set(peer, { pipeBytes, rttMs, untilMs: now + LIFE_MS, givenMs });
  }

  /** For one connection; undefined where nothing is known, or another one has just begun with it. */
  take(peer: string, now: number): PathMemo | undefined {
    const entry = this.entries.get(peer);
    if (entry === undefined || now - entry.givenMs < APART_MS) return undefined;
    if (now >= entry.untilMs) {
      this.forget(peer);
      return undefined;
    }
    entry.givenMs = now;
    return { pipeBytes: entry.pipeBytes, rttMs: entry.rttMs };
  }

  forget(peer: string): void {
    this.entries.delete(peer);
  }
}

import type { PathMemo } from '../connection/careful-resume.js';
import { PeerMemory } from './peer-memory.js';

/** What a path carried an hour ago says little of what it carries now. */
const LIFE_MS = 3_600_000;
/** Connections to one peer that begin at once share its path: one of them begins with what it carried. */
const APART_MS = 1_000;

interface Entry extends PathMemo {
  givenMs: number;
}

/** What paths to peers carried when they were last full, for connections to begin with (`connection/careful-resume.ts`). */
export class PathMemory {
  private readonly entries = new PeerMemory<Entry>(LIFE_MS);

  get size(): number {
    return this.entries.size;
  }

  note(peer: string, { pipeBytes, rttMs }: PathMemo, now: number): void {
    const givenMs = this.entries.of(peer, now)?.givenMs ?? -Infinity;
    this.entries.note(peer, { pipeBytes, rttMs, givenMs }, now);
  }

  /** For one connection; undefined where nothing is known, or another one has just begun with it. */
  take(peer: string, now: number): PathMemo | undefined {
    const entry = this.entries.of(peer, now);
    if (entry === undefined || now - entry.givenMs < APART_MS) return undefined;
    entry.givenMs = now;
    return { pipeBytes: entry.pipeBytes, rttMs: entry.rttMs };
  }

  forget(peer: string): void {
    this.entries.forget(peer);
  }
}

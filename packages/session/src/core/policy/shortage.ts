import type { PolicyBound } from '@kwik/wire';

/** What this end gives its sessions less of while it is short of something. */
export interface ShortageLimits {
  /** What is short, in words; undefined while nothing is. */
  readonly text: string | undefined;
  /** Of the step that was taken or taken back last. */
  readonly bound: PolicyBound | undefined;
  /** So many times less of contents is read ahead. */
  readonly readAheadDivisor: number;
  /** Copies of what may still arrive by itself: those that protect a stream, and those that save time. */
  readonly copies: boolean;
  /** What is done for what may come: paths for demand that is only expected, and paths that stand by beyond those that there are. */
  readonly probing: boolean;
  /** Paths of a session that lead here, at the most. */
  readonly paths: number;
  /** Paths of sessions that have one elsewhere may come. */
  readonly admitsPaths: boolean;
  /** New sessions may come. */
  readonly admitsSessions: boolean;
  /** Sessions in no use end. */
  readonly endsIdle: boolean;
}

export const NOTHING_SHORT: ShortageLimits = {
  text: undefined,
  bound: undefined,
  readAheadDivisor: 1,
  copies: true,
  probing: true,
  paths: Number.POSITIVE_INFINITY,
  admitsPaths: true,
  admitsSessions: true,
  endsIdle: false,
};
/** A path that is turned away may come back after so long, where nobody says better. */
const RETRY_AFTER_MS = 2000;

/** What this end is short of now, and so gives its sessions less of: known to all of them. */
export class Shortage {
  #limits = NOTHING_SHORT;
  /** When a path that is turned away for it may come back, milliseconds. */
  retryAfterMs = (): number => RETRY_AFTER_MS;
  readonly #listeners = new Set<(limits: ShortageLimits) => void>();

  get limits(): ShortageLimits {
    return this.#limits;
  }

  /** What is not named is given in full. */
  set(limits: Partial<ShortageLimits> = {}): void {
    const before = this.#limits;
    const after = { ...NOTHING_SHORT, ...limits };
    if (MEMBERS.every((member) => before[member] === after[member])) return;
    this.#limits = after;
    for (const listener of [...this.#listeners]) listener(after);
  }

  /** Returns what ends the subscription. */
  onChange(listener: (limits: ShortageLimits) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const MEMBERS = Object.keys(NOTHING_SHORT) as readonly (keyof ShortageLimits)[];

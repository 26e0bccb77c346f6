/** What this end gives its sessions less of while it is short of something. */
export interface ShortageLimits {
  /** What is short, in words; undefined while nothing is. */
  readonly text: string | undefined;
  /** Copies of what may still arrive by itself: those that protect a stream, and those that save time. */
  readonly copies: boolean;
  /** What is done for what may come: paths for demand that is only expected, and paths that stand by beyond those that there are. */
  readonly probing: boolean;
  /** Paths of a session that lead here, at the most. */
  readonly paths: number;
}

const NOTHING_SHORT: ShortageLimits = { text: undefined, copies: true, probing: true, paths: Number.POSITIVE_INFINITY };
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

  /** Default: it is short of nothing. */
  set(limits: ShortageLimits = NOTHING_SHORT): void {
    const { text, copies, probing, paths } = this.#limits;
    const same =
      text === limits.text && copies === limits.copies && probing === limits.probing && paths === limits.paths;
    if (same) return;
    this.#limits = limits;
    for (const listener of [...this.#listeners]) listener(limits);
  }

  /** Returns what ends the subscription. */
  onChange(listener: (limits: ShortageLimits) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

import type { PathSnapshot } from '@kwik/wire';
import { rttMs } from './estimate.js';

/** A scheduler that waits is asked at least every 50 ms; after a longer silence nothing was waiting in between. */
const FORGET_AFTER_MS = 100;

/**
 * For how long a scheduler has been waiting for the same thing. A path that looks about to be ready and never is (its
 * link is down, its receiver is blocked) must not hold up the others for ever: past the limit they are used, and stay in
 * use until `end`.
 */
export class Patience {
  #sinceMs: number | undefined;
  #lastAskedMs = 0;

  /** What was waited for came. */
  end(): void {
    this.#sinceMs = undefined;
  }

  /** Still waiting at `now`; true once that has lasted for `limitMs` or longer. */
  isOver(now: number, limitMs: number): boolean {
    const isNew = this.#sinceMs === undefined || now - this.#lastAskedMs > FORGET_AFTER_MS;
    if (isNew) this.#sinceMs = now;
    this.#lastAskedMs = now;
    return now - (this.#sinceMs ?? now) >= limitMs;
  }
}

/** A faster path that was to be ready any moment, and is not after so many of its round trips, is waited for no longer. */
const PATIENCE_RTTS = 2;
const MIN_PATIENCE_MS = 25;

/** For how long a policy waits for `path`, which is busy, while another path could send; milliseconds. */
export function patienceFor(path: PathSnapshot): number {
  return Math.max(PATIENCE_RTTS * rttMs(path), MIN_PATIENCE_MS);
}

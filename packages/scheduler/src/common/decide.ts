import type { Decision, PathId, PathSnapshot, ScheduleRequest } from '@kwik/wire';
import { candidates, isSendable, lastResorts } from './candidates.js';
import { lowest, pieceBytes, readyInMs, rttMs } from './estimate.js';
import { Patience } from './patience.js';

/** All candidates busy for so many of the longest round trip among them: whatever is left is used. */
const BUSY_PATIENCE_RTTS = 2;
/** Bounds of the same: no timer's jitter ends it, and a path that is stuck costs no reader a second (V5.2). */
const MIN_BUSY_PATIENCE_MS = 50;
export const MAX_BUSY_PATIENCE_MS = 500;
const MIN_WAIT_MS = 1;
/** A scheduler that waits looks again after this time, whatever its estimates say. */
export const MAX_WAIT_MS = 50;

/** One for all decisions without copies: those are nearly all, and this saves an array each. */
const NO_DUPLICATES: readonly PathId[] = Object.freeze([]);

/**
 * Among candidates that can each take a datagram now (one or more), or to wait for one of the `busy` ones. Both lists
 * are used again for the next decision: they must not be kept.
 */
export type Choose = (sendable: readonly PathSnapshot[], busy: readonly PathSnapshot[]) => Decision;

/** What all policies share: who may be chosen at all, and what to do when all of those are busy. */
export class Selector {
  readonly #patience = new Patience();
  // Filled anew for each decision, so that none has to allocate.
  readonly #sendable: PathSnapshot[] = [];
  readonly #busy: PathSnapshot[] = [];

  select(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number, choose: Choose): Decision {
    const pool = candidates(request, paths);
    this.#split(pool);
    if (this.#sendable.length > 0) {
      this.#patience.end();
      return choose(this.#sendable, this.#busy);
    }
    const resorts = lastResorts(request, paths).filter(isSendable);
    if (this.#patience.isOver(now, busyPatienceMs(pool)) && resorts.length > 0) {
      return send(lowest(resorts, rttMs), request);
    }
    return waitFor(lowest(pool, readyInMs), now);
  }

  #split(pool: readonly PathSnapshot[]): void {
    this.#sendable.length = 0;
    this.#busy.length = 0;
    for (const path of pool) (isSendable(path) ? this.#sendable : this.#busy).push(path);
  }
}

export function send(path: PathSnapshot, request: ScheduleRequest): Decision {
  return { kind: 'send', pathId: path.id, maxBytes: pieceBytes(path, request), duplicates: NO_DUPLICATES };
}

export function waitFor(path: PathSnapshot, now: number): Decision {
  return { kind: 'wait', untilMs: now + Math.min(Math.max(readyInMs(path), MIN_WAIT_MS), MAX_WAIT_MS) };
}

function busyPatienceMs(pool: readonly PathSnapshot[]): number {
  const longest = Math.max(...pool.map(rttMs));
  return Math.min(Math.max(BUSY_PATIENCE_RTTS * longest, MIN_BUSY_PATIENCE_MS), MAX_BUSY_PATIENCE_MS);
}

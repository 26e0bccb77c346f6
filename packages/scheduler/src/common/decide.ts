import type { Decision, DecisionReason, PathId, PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { candidates, isSendable, lastResorts } from './candidates.js';
import { lowest, pieceBytes, readyInMs, rttMs } from './estimate.js';
import { Patience } from './patience.js';

/** All candidates busy for so many of the longest round trip among them: whatever is left is used. */
const BUSY_PATIENCE_RTTS = 2;
/** Bounds of the same: no timer's jitter ends it, and a path that is stuck costs no reader a second (V5.2). */
const MIN_BUSY_PATIENCE_MS = 50;
const MAX_BUSY_PATIENCE_MS = 500;
const MIN_WAIT_MS = 1;
/** A scheduler that waits looks again after this time, whatever its estimates say. */
const MAX_WAIT_MS = 50;

/** One for all decisions without copies: those are nearly all, and this saves an array each. */
const NO_DUPLICATES: readonly PathId[] = Object.freeze([]);

/**
 * Among candidates that can each take a datagram now (one or more), or to wait for one of the `busy` ones. Both lists
 * are used again for the next decision: they must not be kept. `all` is every path, candidate or not.
 */
export type Choose = (
  sendable: readonly PathSnapshot[],
  busy: readonly PathSnapshot[],
  request: ScheduleRequest,
  now: number,
  all: readonly PathSnapshot[],
) => Decision;

/** A scheduler that chooses so, within the rules that all share. */
export function schedulerOf(name: string, choose: Choose, explain?: Scheduler['explain']): Scheduler {
  const selector = new Selector();
  return {
    name,
    select: (request, paths, now) => selector.select(request, paths, now, choose),
    ...(explain !== undefined && { explain }),
  };
}

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
      return choose(this.#sendable, this.#busy, request, now, paths);
    }
    const resorts = lastResorts(request, paths).filter(isSendable);
    if (this.#patience.isOver(now, busyPatienceMs(pool)) && resorts.length > 0) {
      return send(lowest(resorts, rttMs), request, 'last-resort');
    }
    return waitFor(lowest(pool, readyInMs), now, 'all-busy');
  }

  #split(pool: readonly PathSnapshot[]): void {
    let sendable = 0;
    let busy = 0;
    for (const path of pool) {
      if (isSendable(path)) this.#sendable[sendable++] = path;
      else this.#busy[busy++] = path;
    }
    cut(this.#sendable, sendable);
    cut(this.#busy, busy);
  }
}

/** A list that is emptied and filled again would be given new memory each time. */
function cut(list: PathSnapshot[], length: number): void {
  if (list.length > length) list.length = length;
}

export function send(path: PathSnapshot, request: ScheduleRequest, reason: DecisionReason = 'policy'): Decision {
  return { kind: 'send', pathId: path.id, maxBytes: pieceBytes(path, request), duplicates: NO_DUPLICATES, reason };
}

export function waitFor(path: PathSnapshot, now: number, reason: DecisionReason = 'wait-for-better'): Decision {
  const waitMs = Math.min(Math.max(readyInMs(path), MIN_WAIT_MS), MAX_WAIT_MS);
  return { kind: 'wait', untilMs: now + waitMs, reason };
}

function busyPatienceMs(pool: readonly PathSnapshot[]): number {
  const longest = Math.max(...pool.map(rttMs));
  return Math.min(Math.max(BUSY_PATIENCE_RTTS * longest, MIN_BUSY_PATIENCE_MS), MAX_BUSY_PATIENCE_MS);
}

import type { Decision, PathId, PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { schedulerOf, send, waitFor } from '../common/decide.js';
import { delayByLossMs, lowest, pieceBytes, ratePerMs } from '../common/estimate.js';
import { Growth } from '../common/growth.js';
import { Patience, patienceFor } from '../common/patience.js';

/** A path found to hold the others up must promise to be better by this factor before it is used again; ECF's 1 + beta. */
const HYSTERESIS = 1.25;

/**
 * Earliest completion first, after Lim, Nahum, Towsley and Gibbens, "ECF: An MPTCP Path Scheduler to Manage
 * Heterogeneous Paths", CoNEXT 2017, in terms of rates instead of windows.
 *
 * Of the paths that can send now, take the one on which the piece arrives first. But if a busy path could carry all
 * that waits (as much of it as the receiver's window lets through: BLEST's concern, Ferlin et al., Networking 2016)
 * and have it there before this one piece, wait for the busy path: the piece would only hold the others up. With much
 * waiting no single path is that fast, so all are used; as a transfer nears its end, slow paths drop out one by one.
 */
export function createAdaptiveScheduler(): Scheduler {
  const policy = new EarliestCompletion();
  return schedulerOf(
    'adaptive',
    (sendable, busy, request, now, all) => policy.choose(request, now, sendable, busy, all),
    (pathId) => policy.explain(pathId),
  );
}

class EarliestCompletion {
  /** Paths found to hold the others up. */
  readonly #parked = new Set<PathId>();
  /** Ends when a piece goes out on a path that holds nobody up. */
  readonly #patience = new Patience();
  readonly #growth = new Growth();

  choose(
    request: ScheduleRequest,
    now: number,
    sendable: readonly PathSnapshot[],
    busy: readonly PathSnapshot[],
    all: readonly PathSnapshot[],
  ): Decision {
    this.#growth.keepOnly(all);
    for (const path of all) this.#growth.observe(path, now);
    const here = lowest(sendable, (path) => this.#growth.arrivalMs(path, pieceBytes(path, request), now));
    const better = busy.length > 0 ? this.#thatMakesUseless(here, request, now, busy) : undefined;
    if (better === undefined) {
      this.#parked.delete(here.id);
      this.#patience.end();
      return send(here, request, 'first-arrival');
    }
    this.#park(here.id, sendable.length + busy.length);
    if (this.#patience.isOver(now, patienceFor(better))) return send(here, request, 'patience-over');
    return waitFor(better, now);
  }

  explain(pathId: PathId): string | undefined {
    if (!this.#parked.has(pathId)) return undefined;
    return 'a faster path would have all that waits at its goal before this one delivers its first piece';
  }

  /** A busy path that would have all that waits at its goal before `here` has its piece there. */
  #thatMakesUseless(
    here: PathSnapshot,
    request: ScheduleRequest,
    now: number,
    busy: readonly PathSnapshot[],
  ): PathSnapshot | undefined {
    const waiting = Math.min(request.pendingBytes, Math.max(request.windowBytes, 1));
    const doneMs = (path: PathSnapshot): number => this.#growth.arrivalMs(path, waiting, now);
    const better = lowest(busy, doneMs);
    const factor = this.#parked.has(here.id) ? HYSTERESIS : 1;
    const bytes = pieceBytes(here, request);
    const hereMs = this.#growth.arrivalMs(here, bytes, now);
    const betterMs = doneMs(better);
    if (betterMs < factor * hereMs) return better;
    // What is lost near the end of a transfer is waited for: it may cost more than the piece saves the better path.
    const delayMs = delayByLossMs(here, bytes, hereMs, betterMs);
    return bytes / ratePerMs(better) < factor * delayMs ? better : undefined;
  }

  /** The set holds living paths only, or it would grow with the session. */
  #park(id: PathId, livingPaths: number): void {
    if (this.#parked.size > livingPaths) this.#parked.clear();
    this.#parked.add(id);
  }
}

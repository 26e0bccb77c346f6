import type { Decision, PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { schedulerOf, send, waitFor } from '../common/decide.js';
import { lowest, rttMs } from '../common/estimate.js';
import { Patience, patienceFor } from '../common/patience.js';

/** Once it waits, ECF goes back to the slow path only when that is better by this much: the paper's beta. */
const BETA = 0.25;

/**
 * Earliest completion first, as published: Lim, Nahum, Towsley and Gibbens, "ECF: An MPTCP Path Scheduler to Manage
 * Heterogeneous Paths", CoNEXT 2017, algorithm 1. Windows there are packets and here bytes.
 *
 * With the fast path (lowest RTT) busy, the slow one (lowest RTT of those that can send) gets a piece only if the fast
 * one, waited for, would not have all that waits at its goal before:
 *
 *     (1 + k / cwnd_f) RTT_f < (1 + beta if waiting) (RTT_s + delta)      k: bytes that wait
 *     k / cwnd_s RTT_s >= 2 RTT_f + delta                                 delta: the larger RTT variation
 *
 * Both true: wait. The second keeps it from waiting where the slow path would be done before the fast one's next turn.
 * The paper waits without an end; here patience ends (`patienceFor`), for a fast path that is stuck is no fast path.
 */
export function createEcfScheduler(): Scheduler {
  const policy = new Ecf();
  return schedulerOf('ecf', (sendable, busy, request, now) => policy.choose(request, now, sendable, busy));
}

class Ecf {
  #waiting = false;
  readonly #patience = new Patience();

  choose(
    request: ScheduleRequest,
    now: number,
    sendable: readonly PathSnapshot[],
    busy: readonly PathSnapshot[],
  ): Decision {
    const slow = lowest(sendable, rttMs);
    const fast = busy.length > 0 ? lowest(busy, rttMs) : slow;
    // The fast path is free. The paper leaves the flag as it is: only a comparison changes it.
    if (rttMs(fast) >= rttMs(slow)) return this.#send(slow, request);
    const deltaMs = Math.max(fast.rttVarMs, slow.rttVarMs);
    const fastDoneMs = (1 + request.pendingBytes / windowOf(fast)) * rttMs(fast);
    const limitMs = (1 + (this.#waiting ? BETA : 0)) * (rttMs(slow) + deltaMs);
    if (fastDoneMs >= limitMs) {
      this.#waiting = false;
      return this.#send(slow, request);
    }
    const slowDrainMs = (request.pendingBytes / windowOf(slow)) * rttMs(slow);
    if (slowDrainMs < 2 * rttMs(fast) + deltaMs) return this.#send(slow, request);
    this.#waiting = true;
    return this.#patience.isOver(now, patienceFor(fast)) ? send(slow, request) : waitFor(fast, now);
  }

  #send(path: PathSnapshot, request: ScheduleRequest): Decision {
    this.#patience.end();
    return send(path, request);
  }
}

function windowOf(path: PathSnapshot): number {
  return Math.max(path.windowBytes, path.datagramBytes);
}

import type { Decision, PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { schedulerOf, send, waitFor } from '../common/decide.js';
import { lowest, pieceBytes, rttMs } from '../common/estimate.js';
import { Patience, patienceFor } from '../common/patience.js';

/** Factor on what the fast path is expected to send: start, bounds and steps as in the authors' Linux module. */
const LAMBDA_START = 1.2;
const LAMBDA_MIN = 1;
const LAMBDA_MAX = 1.3;
/** After a round trip of the slow path in which the window stopped the fast one, and after one in which it did not. */
const LAMBDA_AFTER_BLOCKING = 0.04;
const LAMBDA_AFTER_NONE = -0.01;

/**
 * Blocking estimation: Ferlin, Alay, Mehani, Boreli, "BLEST: Blocking Estimation-based MPTCP Scheduler for
 * Heterogeneous Networks", IFIP Networking 2016; the estimate X and the factor lambda are the paper's.
 *
 * With the fast path F (lowest RTT) busy, the slow one S gets a piece only if that will not stop F by filling the
 * receiver's window M. The piece holds the window's left edge for one RTT of S; F sends in that time
 *
 *     X = (cwnd_F + datagram_F (r - 1) / 2) r        r = RTT_S / RTT_F, cwnd_F growing by a datagram per RTT
 *
 * and S is used only if lambda X <= |M| - (in flight on S + this piece). |M| is not in the request: it is taken as the
 * room that is left and all that is in flight, which is exact while nothing lies out of order at the receiver, and
 * otherwise too little, so that S is used a little less. With other streams in flight it is too much.
 *
 * Waiting ends as everywhere here (`patienceFor`), for a fast path that is stuck is no fast path.
 */
export function createBlestScheduler(): Scheduler {
  const policy = new Blest();
  return schedulerOf('blest', (sendable, busy, request, now, all) => policy.choose(request, now, sendable, busy, all));
}

class Blest {
  readonly #lambda = new Lambda();
  readonly #patience = new Patience();

  choose(
    request: ScheduleRequest,
    now: number,
    sendable: readonly PathSnapshot[],
    busy: readonly PathSnapshot[],
    all: readonly PathSnapshot[],
  ): Decision {
    const slow = lowest(sendable, rttMs);
    const fast = busy.length > 0 ? lowest(busy, rttMs) : slow;
    this.#lambda.observe(request, all, now);
    if (rttMs(fast) >= rttMs(slow) || !this.#wouldBlock(fast, slow, request, all)) {
      this.#patience.end();
      return send(slow, request);
    }
    return this.#patience.isOver(now, patienceFor(fast)) ? send(slow, request) : waitFor(fast, now);
  }

  #wouldBlock(fast: PathSnapshot, slow: PathSnapshot, request: ScheduleRequest, all: readonly PathSnapshot[]): boolean {
    const ratio = rttMs(slow) / rttMs(fast);
    const windowBytes = Math.max(fast.windowBytes, fast.datagramBytes);
    const fastBytes = (windowBytes + (fast.datagramBytes * (ratio - 1)) / 2) * ratio;
    let receiverBytes = request.windowBytes;
    for (const path of all) receiverBytes += outstanding(path);
    return this.#lambda.value * fastBytes > receiverBytes - outstanding(slow) - pieceBytes(slow, request);
  }
}

/** Grows where the estimate let blocking happen, shrinks where it did not, once per RTT of the slowest path. */
class Lambda {
  value = LAMBDA_START;
  #roundEndsMs = Number.NEGATIVE_INFINITY;
  #blocked = false;

  observe(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number): void {
    const fast = lowest(paths, rttMs);
    const slowest = lowest(paths, (path) => -rttMs(path));
    // The fast path has more room than the receiver, while data of the slow one is under way: this is the blocking.
    const short = fast.sendableBytes > request.windowBytes && request.pendingBytes > request.windowBytes;
    if (short && fast !== slowest && outstanding(slowest) > 0) this.#blocked = true;
    if (now < this.#roundEndsMs) return;
    if (this.#roundEndsMs !== Number.NEGATIVE_INFINITY) {
      const step = this.#blocked ? LAMBDA_AFTER_BLOCKING : LAMBDA_AFTER_NONE;
      this.value = Math.min(Math.max(this.value + step, LAMBDA_MIN), LAMBDA_MAX);
    }
    this.#blocked = false;
    this.#roundEndsMs = now + rttMs(slowest);
  }
}

function outstanding(path: PathSnapshot): number {
  return path.inFlightBytes + path.queuedBytes;
}

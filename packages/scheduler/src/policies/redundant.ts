import {
  KwikError,
  type Decision,
  type PathId,
  type PathSnapshot,
  type ScheduleRequest,
  type Scheduler,
} from '@kwik/wire';
import { schedulerOf, send } from '../common/decide.js';
import { lowest, pieceBytes, rttMs } from '../common/estimate.js';

export interface RedundantOptions {
  /** Paths on which a piece travels at most, the first one counted; a whole number from 1. Default 3. */
  readonly maxCopies?: number;
  /** With more bytes waiting than this, each goes out once. Default 256 kB; `Infinity` duplicates always. */
  readonly bulkBytes?: number;
}

/** Two copies more catch nearly all that one path loses; each further one costs as much and brings less. */
const DEFAULT_MAX_COPIES = 3;
/** A tenth of a second of 20 Mbit/s. With more than this waiting, a copy delays later bytes by more than it saves. */
const DEFAULT_BULK_BYTES = 256 * 1024;

/**
 * The same bytes on several paths at once; the copy that comes first counts. After Frömmgen, Erbshäußer, Buchmann,
 * Zimmermann, Wehrle, "ReMP TCP: Low Latency Multipath TCP", IEEE ICC 2016, and the redundant scheduler of Linux MPTCP:
 * for data that is small and urgent, where one path's loss or stall must not be felt.
 *
 * Unlike there, the cost is bounded: `maxCopies` per piece, on the paths of lowest RTT that can send now, and none at all
 * while more than `bulkBytes` wait. Copies go out only where a path has room: none is waited for, and none queues.
 *
 * Throws ERR_KWIK_INVALID_ARGUMENT for options out of range.
 */
export function createRedundantScheduler(options: RedundantOptions = {}): Scheduler {
  const { maxCopies = DEFAULT_MAX_COPIES, bulkBytes = DEFAULT_BULK_BYTES } = options;
  if (!Number.isInteger(maxCopies) || maxCopies < 1) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `maxCopies must be a whole number from 1, not ${String(maxCopies)}`,
    );
  }
  if (!(bulkBytes >= 0)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `bulkBytes must be 0 or more, not ${String(bulkBytes)}`);
  }
  return schedulerOf('redundant', (sendable, _busy, request) => {
    const copies = request.pendingBytes > bulkBytes ? 1 : Math.min(maxCopies, sendable.length);
    return copies === 1 ? send(lowest(sendable, rttMs), request) : sendCopies(sendable, copies, request);
  });
}

/** As many bytes as each of the paths chosen can take at once. */
function sendCopies(sendable: readonly PathSnapshot[], copies: number, request: ScheduleRequest): Decision {
  const chosen = [...sendable].sort((a, b) => rttMs(a) - rttMs(b) || a.id - b.id).slice(0, copies);
  const first = lowest(chosen, rttMs);
  const duplicates: PathId[] = [];
  let maxBytes = pieceBytes(first, request);
  for (const path of chosen) {
    maxBytes = Math.min(maxBytes, path.sendableBytes);
    if (path !== first) duplicates.push(path.id);
  }
  return { kind: 'send', pathId: first.id, maxBytes, duplicates };
}

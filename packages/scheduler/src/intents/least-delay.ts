import type { PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { schedulerOf, send, waitFor } from '../common/decide.js';
import { arrivalMs, lowest, pieceBytes } from '../common/estimate.js';
import { Patience, patienceFor } from '../common/patience.js';

/** For `fast` streams: each piece over the path on which it arrives first, also when that path is busy for a moment. */
export function createLeastDelayScheduler(): Scheduler {
  const patience = new Patience();
  return schedulerOf('least-delay', (sendable, busy, request, now) => {
    const here = soonest(sendable, request);
    const bytes = pieceBytes(here, request);
    const better = busy.length > 0 ? lowest(busy, (path) => arrivalMs(path, bytes)) : undefined;
    if (better === undefined || arrivalMs(better, bytes) >= arrivalMs(here, bytes)) {
      patience.end();
      return send(here, request, 'first-arrival');
    }
    return patience.isOver(now, patienceFor(better)) ? send(here, request, 'patience-over') : waitFor(better, now);
  });
}

function soonest(paths: readonly PathSnapshot[], request: ScheduleRequest): PathSnapshot {
  return lowest(paths, (path) => arrivalMs(path, pieceBytes(path, request)));
}

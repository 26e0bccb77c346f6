import { lowest, rttMs, send } from '@kwik/scheduler';
import type { PathSnapshot, Scheduler } from '@kwik/wire';

/** How long to wait for a busy path at most, before looking again. */
const LOOK_AGAIN_MS = 10;
/** A path that is busy is not shown to the scheduler; one that has not been seen for so long is gone. */
const GONE_AFTER_MS = 1000;

/** Sends over paths that cost nothing, the nearest first; over metered ones only while there is no other path. */
export function sparing(isMetered: (path: PathSnapshot) => boolean): Scheduler {
  let freeSeenMs = -Infinity;
  return {
    name: 'sparing',
    select: (request, paths, now) => {
      const free = paths.filter((path) => !isMetered(path));
      if (free.length > 0) freeSeenMs = now;
      const candidates = now - freeSeenMs < GONE_AFTER_MS ? free : paths;
      const able = candidates.filter(({ id, sendableBytes }) => sendableBytes > 0 && !request.exclude.includes(id));
      return able.length > 0 ? send(lowest(able, rttMs), request) : { kind: 'wait', untilMs: now + LOOK_AGAIN_MS };
    },
  };
}

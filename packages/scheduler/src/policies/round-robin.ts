import type { PathId, PathSnapshot, Scheduler } from '@kwik/wire';
import { schedulerOf, send } from '../common/decide.js';
import { lowest } from '../common/estimate.js';

/** Paths that can send take turns in the order of their ids, a piece each. For tests and for paths known to be equal. */
export function createRoundRobinScheduler(): Scheduler {
  let last: PathId | undefined;
  const turns = schedulerOf('round-robin', (sendable, _busy, request) => send(nextAfter(last, sendable), request));
  return {
    name: turns.name,
    select(request, paths, now) {
      const decision = turns.select(request, paths, now);
      if (decision.kind === 'send') last = decision.pathId;
      return decision;
    },
  };
}

function nextAfter(last: PathId | undefined, sendable: readonly PathSnapshot[]): PathSnapshot {
  const later = sendable.filter((path) => last === undefined || path.id > last);
  return lowest(later.length > 0 ? later : sendable, (path) => path.id);
}

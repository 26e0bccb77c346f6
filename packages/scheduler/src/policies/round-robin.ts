import type { PathId, PathSnapshot, Scheduler } from '@kwik/wire';
import { Selector, send } from '../common/decide.js';
import { lowest } from '../common/estimate.js';

/** Paths that can send take turns in the order of their ids, a piece each. For tests and for paths known to be equal. */
export function createRoundRobinScheduler(): Scheduler {
  const selector = new Selector();
  let last: PathId | undefined;
  return {
    name: 'round-robin',
    select(request, paths, now) {
      const decision = selector.select(request, paths, now, (sendable) => send(nextAfter(last, sendable), request));
      if (decision.kind === 'send') last = decision.pathId;
      return decision;
    },
  };
}

function nextAfter(last: PathId | undefined, sendable: readonly PathSnapshot[]): PathSnapshot {
  const later = sendable.filter((path) => last === undefined || path.id > last);
  return lowest(later.length > 0 ? later : sendable, (path) => path.id);
}

import type { PathId, PathSnapshot, Scheduler } from '@kwik/wire';
import { schedulerOf, send } from '../common/decide.js';
import { lowest } from '../common/estimate.js';

/**
 * Bytes in proportion to the paths' weights, as far as each path can keep up: start-time fair queueing (Goyal, Vin,
 * Cheng, SIGCOMM 1996) with paths in the place of flows. It never leaves a path idle for the sake of proportion: a path
 * that could not send saves up nothing. A path of weight 0 is a backup, used when no other candidate can send.
 */
export function createWeightedScheduler(): Scheduler {
  /** Virtual time at which each path's last piece ended, in bytes per weight. */
  const finish = new Map<PathId, number>();
  let virtualTime = 0;
  const start = (path: PathSnapshot): number => Math.max(finish.get(path.id) ?? 0, virtualTime);
  return schedulerOf('weighted', (sendable, _busy, request, _now, all) => {
    dropUnknown(finish, all);
    const weighted = sendable.filter((path) => path.weight > 0);
    if (weighted.length === 0) return send(lowest(sendable, start), request);
    const chosen = lowest(weighted, start);
    const decision = send(chosen, request);
    virtualTime = start(chosen);
    if (decision.kind === 'send') finish.set(chosen.id, virtualTime + decision.maxBytes / chosen.weight);
    return decision;
  });
}

/** Forgets paths that are no more: the table stays as small as the session. */
function dropUnknown(finish: Map<PathId, number>, paths: readonly PathSnapshot[]): void {
  if (finish.size <= paths.length) return;
  const ids = new Set(paths.map((path) => path.id));
  for (const id of finish.keys()) if (!ids.has(id)) finish.delete(id);
}

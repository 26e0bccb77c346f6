import type { DataPath, PathStanding } from './data-path.js';

const RANK: Readonly<Record<PathStanding, number>> = {
  active: 0,
  settling: 1,
  suspected: 2,
  draining: 3,
  suspended: 4,
};

/** The path to the other end of the session's streams that is best off. */
export function bestOf(paths: Iterable<DataPath>): DataPath | undefined {
  let best: DataPath | undefined;
  for (const path of paths) {
    if (path.owner && (best === undefined || RANK[path.standing] < RANK[best.standing])) best = path;
  }
  return best;
}

import { ranksAbove } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { DataPath } from './data-path.js';

const NO_PATHS: readonly DataPath[] = [];

/** The best path to the other end of the session's streams. */
export function bestOf(paths: Iterable<DataPath>): DataPath | undefined {
  let best: DataPath | undefined;
  for (const path of paths) {
    if (path.toPeer && (best === undefined || ranksAbove(path.health, best.health))) best = path;
  }
  return best;
}

/** Backups that lead to the same peer as an available path: their own acknowledgements may not get through. */
export function backupsBeside(path: DataPath, paths: ReadonlyMap<PathId, DataPath>): readonly DataPath[] {
  if (paths.size === 1 || !path.toPeer || !path.available) return NO_PATHS;
  let backups: DataPath[] | undefined;
  for (const other of paths.values())
    if (other.toPeer && other !== path && !other.available) (backups ??= []).push(other);
  return backups ?? NO_PATHS;
}

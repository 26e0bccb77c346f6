import { ranksAbove } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { DataPath } from './data-path.js';

const NO_PATHS: readonly DataPath[] = [];

/** The best path to the other end of the session's streams. */
export function bestOf(paths: Iterable<DataPath>): DataPath | undefined {
  let best: DataPath | undefined;
  for (const path of paths) {
    if (path.toPeer && (best === undefined || comesBefore(path, best))) best = path;
  }
  return best;
}

function comesBefore(path: DataPath, other: DataPath): boolean {
  if (ranksAbove(path.health, other.health)) return true;
  return other.doubtful && !path.doubtful && !ranksAbove(other.health, path.health);
}

/** Whether a path is there and answers; or `surely` does. */
export function answers(path: DataPath | undefined, surely: boolean): boolean {
  return path !== undefined && (surely ? path.sure : path.available);
}

/** Those of the paths that take data: the available ones, without the doubtful while there are others; or else all. */
export function preferredOf<T extends { readonly data: DataPath }>(paths: readonly T[]): readonly T[] {
  const available = paths.filter(({ data }) => data.available);
  if (available.length === 0) return paths;
  const sure = available.filter(({ data }) => data.sure);
  return sure.length > 0 ? sure : available;
}

/** Whether a path takes data. A backup does all the same when no path is available, a doubtful one when all are. */
export function takesData(path: DataPath, paths: ReadonlyMap<PathId, DataPath>): boolean {
  if (!path.toPeer) return false;
  if (path.sure) return true;
  const best = bestOf(paths.values());
  return best === path || (path.available && best?.doubtful === true);
}

/** Backups that lead to the same peer as an available path: their own acknowledgements may not get through. */
export function backupsBeside(path: DataPath, paths: ReadonlyMap<PathId, DataPath>): readonly DataPath[] {
  if (paths.size === 1 || !path.toPeer || !path.available) return NO_PATHS;
  let backups: DataPath[] | undefined;
  for (const other of paths.values())
    if (other.toPeer && other !== path && !other.available) (backups ??= []).push(other);
  return backups ?? NO_PATHS;
}

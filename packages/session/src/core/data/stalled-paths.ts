import type { PathId } from '@kwik/wire';
import type { DataPath } from './data-path.js';

const NO_PATHS: readonly DataPath[] = [];

/** Paths to the same peer as `path` whose own acknowledgements may not get through. */
export function stalledBeside(path: DataPath, paths: ReadonlyMap<PathId, DataPath>): readonly DataPath[] {
  if (paths.size === 1 || !path.owner || path.standing !== 'active') return NO_PATHS;
  let stalled: DataPath[] | undefined;
  for (const other of paths.values()) {
    if (other.owner && other !== path && other.standing !== 'active') (stalled ??= []).push(other);
  }
  return stalled ?? NO_PATHS;
}

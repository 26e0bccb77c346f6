import { KwikError, type PathSnapshot, type ScheduleRequest } from '@kwik/wire';

/**
 * The paths among which a policy chooses: healthy ones that do not carry these bytes yet. Only where there are none:
 * suspected ones; and only where all carry the bytes already: those. A class is not left because its paths are busy;
 * that is what waiting is for (see decide.ts for its end).
 */
export function candidates(
  request: Pick<ScheduleRequest, 'exclude'>,
  paths: readonly PathSnapshot[],
): readonly PathSnapshot[] {
  const fresh = lastResorts(request, paths);
  // Nearly always all are healthy: then nothing is copied, as this runs for every piece.
  if (fresh.every(isHealthy)) return fresh;
  const healthy = fresh.filter(isHealthy);
  return healthy.length > 0 ? healthy : fresh;
}

/** Every path that does not carry these bytes yet, suspected ones too; all paths if there is no such path. */
export function lastResorts(
  request: Pick<ScheduleRequest, 'exclude'>,
  paths: readonly PathSnapshot[],
): readonly PathSnapshot[] {
  if (paths.length === 0) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a scheduler was asked without any path');
  if (request.exclude.length === 0) return paths;
  const fresh = paths.filter((path) => !request.exclude.includes(path.id));
  return fresh.length > 0 ? fresh : paths;
}

/** A path can take a piece now: at least one datagram of it goes on the wire at once (late binding). */
export function isSendable(path: PathSnapshot): boolean {
  return path.sendableBytes >= path.datagramBytes;
}

function isHealthy(path: PathSnapshot): boolean {
  return path.state !== 'suspected';
}

import type { KcpBody } from '@kwik/kcp';
import { KwikError, toPathId, type Clock } from '@kwik/wire';
import { failure } from '../runtime/features/control-dispatch.js';
import type { KnownPaths } from '../runtime/paths/path-registry.js';
import { MAX_REASON_CHARACTERS } from './path-reports.js';

type DeadPathAnswer = Extract<KcpBody, { readonly $case: 'error' | 'pathDead' }>;

/** The answer to an operation on a path that is dead (K6.3) or never was; `wallClockMs`: milliseconds since 1970. */
export function deadPathAnswer(
  { paths, clock }: { readonly paths: KnownPaths; readonly clock: Pick<Clock, 'now'> },
  wallClockMs: () => number,
  pathId: number,
): DeadPathAnswer {
  const reason = paths.info(toPathId(pathId))?.reason;
  if (reason === undefined) {
    return failure(new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${pathId}`));
  }
  const died = paths.machine(toPathId(pathId))?.history.findLast(({ state }) => state === 'dead');
  const agoMs = died === undefined ? 0 : clock.now() - died.atMs;
  const deadSinceMs = BigInt(Math.max(0, Math.round(wallClockMs() - agoMs)));
  return { $case: 'pathDead', value: { pathId, reason: reason.slice(0, MAX_REASON_CHARACTERS), deadSinceMs } };
}

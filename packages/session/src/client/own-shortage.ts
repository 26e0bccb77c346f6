import { KwikError, type PathId } from '@kwik/wire';
import { isFurtherPath } from '../limits.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SurplusPaths, usablePaths } from '../runtime/features/surplus-paths.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { PathRemovals } from './path-removals.js';

/** What a session of a client does without while its process is short of something. */
export interface OwnShortage {
  /** Lets go of further paths to the primary. */
  readonly surplus: SurplusPaths<PathRuntime>;
  /** Throws ERR_KWIK_CONNECTION_REFUSED, with the time to try again, where a path to the primary would be one too many. */
  readonly requireRoom: (id: PathId) => void;
}

export function ownShortage(session: SessionContext, removals: Pick<PathRemovals, 'remove'>): OwnShortage {
  const toPrimary = (): PathRuntime[] => [...session.paths.values()].filter(({ primary }) => primary);
  const surplus = new SurplusPaths<PathRuntime>(
    {
      get closeInfo() {
        return session.closeInfo;
      },
      policy: session.policy,
      wake: () => session.wake(),
      paths: { values: toPrimary },
    },
    { isFurther: isFurtherPath, remove: (command) => removals.remove(command) },
  );
  const requireRoom = (id: PathId): void => {
    const { limits, retryAfterMs } = session.policy;
    if (!isFurtherPath(id) || usablePaths(toPrimary()).length < limits.paths) return;
    throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', limits.text ?? '', { retryAfterMs });
  };
  return { surplus, requireRoom };
}

import { isAvailable } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID, FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import type { Shortage } from '../../runtime/host/shortage.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';

/** Time that a path has to deliver what is under way. */
const DRAIN_MS = 5000;
/** The answer comes when the path has gone, and travels too. */
const ANSWER_SLACK_MS = 5000;

type SurplusSession = Pick<SessionContext, 'closeInfo' | 'wake'> & {
  readonly paths: Pick<SessionContext['paths'], 'values'>;
};

/**
 * While a primary is short of something, paths of a session that lead to it and that the session can do without are drained, one at
 * a time: the client takes them back when it may. Paths to other servers are left alone, for what they carry is work that
 * this server has not; so are those by way of relays, which have keepers of their own. The first path stays.
 */
export class SurplusPaths implements Feature {
  readonly #session: SurplusSession;
  readonly #shortage: Shortage;
  readonly #leave: () => void;
  #draining = false;
  /** The client did not let go of them: it knows nothing of this. */
  readonly #kept = new Set<PathId>();

  constructor(session: SurplusSession, shortage: Shortage) {
    this.#session = session;
    this.#shortage = shortage;
    this.#leave = shortage.onChange(() => session.wake());
  }

  plan(): undefined {
    const most = this.#shortage.limits.paths;
    if (this.#draining || most === Number.POSITIVE_INFINITY) return;
    const usable = usablePaths(this.#session.paths.values());
    if (usable.length <= most) return;
    const worst = bestFirst(usable).findLast(({ id }) => isFurther(id) && !this.#kept.has(id));
    const other = usable.find((path) => path !== worst && isAvailable(path.health));
    if (worst !== undefined && other !== undefined) void this.#drain(worst.id, other);
  }

  onEnd(): void {
    this.#leave();
  }

  async #drain(pathId: PathId, by: PathRuntime): Promise<void> {
    this.#draining = true;
    const reason = this.#shortage.limits.text ?? '';
    const value = { pathId, reason, drainMs: DRAIN_MS, retryAfterMs: this.#shortage.retryAfterMs() };
    try {
      const answer = await by.request('removePath', value, DRAIN_MS + ANSWER_SLACK_MS);
      if (answer.value.error !== undefined) this.#kept.add(pathId);
    } catch {
      // The path on which it was asked died, or the session has ended: it is looked at anew.
    } finally {
      this.#draining = false;
      if (this.#session.closeInfo === undefined) this.#session.wake();
    }
  }
}

/** Those that have a connection to use, now or when others fail. */
export function usablePaths(paths: Iterable<PathRuntime>): PathRuntime[] {
  return [...paths].filter(({ health }) => isAvailable(health) || health === 'settling' || health === 'suspended');
}

/** As scaling gives paths back: the one that carries least goes first, and one that only stands by before it. */
function bestFirst(paths: readonly PathRuntime[]): PathRuntime[] {
  const rated = paths.map((path) => {
    const rate = isAvailable(path.health) ? path.figures().deliveryRateBytesPerSecond : -1;
    return { path, rate };
  });
  return rated.sort((one, other) => other.rate - one.rate).map(({ path }) => path);
}

/** The client opened it from a further address of its own, or to one of the primary's. */
function isFurther(id: PathId): boolean {
  return id >= FIRST_CLIENT_PATH_ID && id < FIRST_RELAYED_PATH_ID;
}

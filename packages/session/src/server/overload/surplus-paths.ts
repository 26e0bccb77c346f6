import type { AnswerTo } from '@kwik/kcp';
import { isAvailable } from '@kwik/paths';
import type { PathId, proto } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID, FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import type { Shortage } from '../../core/policy/shortage.js';
import type { PathFigures } from '../../runtime/paths/path-registry.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';

/** Time that a path has to deliver what is under way. */
const DRAIN_MS = 5000;
/** The answer comes when the path has gone, and travels too. */
const ANSWER_SLACK_MS = 5000;
/** A client that keeps a path is asked for it again: it may know nothing of this, or have had no other path at the time. */
const ASK_AGAIN_MS = 10_000;

/** A path, as far as this is concerned. */
export interface SurplusPath extends Pick<PathRuntime, 'id' | 'health' | 'alive'> {
  figures(): Pick<PathFigures, 'deliveryRateBytesPerSecond'>;
  request(kind: 'removePath', value: proto.RemovePath, timeoutMs: number): Promise<AnswerTo<'removePath'>>;
}

type SurplusSession = Pick<SessionContext, 'closeInfo' | 'wake'> & {
  readonly paths: { values(): Iterable<SurplusPath> };
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
  /** When each may be asked for again. */
  readonly #againMs = new WeakMap<SurplusPath, number>();

  constructor(session: SurplusSession, shortage: Shortage) {
    this.#session = session;
    this.#shortage = shortage;
    this.#leave = shortage.onChange(() => session.wake());
  }

  plan(now: number): number | undefined {
    const most = this.#shortage.limits.paths;
    if (this.#draining || most === Number.POSITIVE_INFINITY) return undefined;
    const usable = usablePaths(this.#session.paths.values());
    if (usable.length <= most) return undefined;
    const further = bestFirst(usable).filter(({ id }) => isFurther(id));
    const worst = further.findLast((path) => this.#dueMs(path) <= now);
    const other = usable.find((path) => path !== worst && isAvailable(path.health));
    if (worst === undefined)
      return further.length === 0 ? undefined : Math.min(...further.map((path) => this.#dueMs(path)));
    if (other !== undefined) void this.#drain(worst, other, now);
    return undefined;
  }

  onEnd(): void {
    this.#leave();
  }

  #dueMs(path: SurplusPath): number {
    return this.#againMs.get(path) ?? Number.NEGATIVE_INFINITY;
  }

  async #drain(path: SurplusPath, by: SurplusPath, now: number): Promise<void> {
    this.#draining = true;
    this.#againMs.set(path, now + ASK_AGAIN_MS);
    const reason = this.#shortage.limits.text ?? '';
    const value = { pathId: path.id, reason, drainMs: DRAIN_MS, retryAfterMs: this.#shortage.retryAfterMs() };
    try {
      await by.request('removePath', value, DRAIN_MS + ANSWER_SLACK_MS);
    } catch {
      // The client does not do it. Where the path on which it was asked died, it may not have heard.
      if (!by.alive) this.#againMs.delete(path);
    } finally {
      this.#draining = false;
      if (this.#session.closeInfo === undefined) this.#session.wake();
    }
  }
}

/** Those that have a connection to use, now or when others fail. */
export function usablePaths<P extends Pick<PathRuntime, 'health'>>(paths: Iterable<P>): P[] {
  return [...paths].filter(({ health }) => isAvailable(health) || health === 'settling' || health === 'suspended');
}

/** As scaling gives paths back: the one that carries least goes first, and one that only stands by before it. */
function bestFirst(paths: readonly SurplusPath[]): SurplusPath[] {
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

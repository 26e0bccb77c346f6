import { isAvailable } from '@kwik/paths';
import type { PathId, proto } from '@kwik/wire';
import type { SessionPolicy } from '../../core/policy/session-policy.js';
import type { PathFigures } from '../paths/path-registry.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';
import type { SessionContext } from './session-context.js';

/** Time that a path has to deliver what is under way. */
const DRAIN_MS = 5000;
/** The answer comes when the path has gone, and travels too. */
const ANSWER_SLACK_MS = 5000;
/** A client that keeps a path is asked for it again: it may know nothing of this, or have had no other path at the time. */
const ASK_AGAIN_MS = 10_000;

/** A path, as far as this is concerned. */
export interface SurplusPath extends Pick<PathRuntime, 'id' | 'health' | 'alive'> {
  figures(): Pick<PathFigures, 'deliveryRateBytesPerSecond'>;
}

type SurplusSession<P> = Pick<SessionContext, 'closeInfo' | 'wake'> & {
  readonly policy: Pick<SessionPolicy, 'limits' | 'retryAfterMs' | 'onChange'>;
  /** Those that lead to the primary. */
  readonly paths: { values(): Iterable<P> };
};

export interface SurplusPathsOptions<P> {
  /** Whether it is a further path of the client, which the session can do without. */
  readonly isFurther: (id: PathId) => boolean;
  /** Has the path of `command` drained; `by`: another one. Settles when it is gone, within `timeoutMs`, or stays. */
  readonly remove: (command: proto.RemovePath, by: P, timeoutMs: number) => Promise<unknown>;
}

/**
 * While an end is short of something, paths between a client and its primary that the session can do without are drained, one at
 * a time: the client takes them back when it may. Paths to other servers are left alone, for the primary decides on them, and what they
 * carry is work that it has not; so are those by way of relays, which have keepers of their own. The first path stays.
 */
export class SurplusPaths<P extends SurplusPath> implements Feature {
  readonly #session: SurplusSession<P>;
  readonly #options: SurplusPathsOptions<P>;
  readonly #leave: () => void;
  #draining = false;
  /** When each may be asked for again. */
  readonly #againMs = new WeakMap<P, number>();

  constructor(session: SurplusSession<P>, options: SurplusPathsOptions<P>) {
    this.#session = session;
    this.#options = options;
    this.#leave = session.policy.onChange(() => session.wake());
  }

  plan(now: number): number | undefined {
    const most = this.#session.policy.limits.paths;
    if (this.#draining || most === Number.POSITIVE_INFINITY) return undefined;
    const usable = usablePaths(this.#session.paths.values());
    if (usable.length <= most) return undefined;
    const further = bestFirst(usable).filter(({ id }) => this.#options.isFurther(id));
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

  #dueMs(path: P): number {
    return this.#againMs.get(path) ?? Number.NEGATIVE_INFINITY;
  }

  async #drain(path: P, by: P, now: number): Promise<void> {
    this.#draining = true;
    this.#againMs.set(path, now + ASK_AGAIN_MS);
    const { limits, retryAfterMs } = this.#session.policy;
    const command = { pathId: path.id, reason: limits.text ?? '', drainMs: DRAIN_MS, retryAfterMs };
    try {
      await this.#options.remove(command, by, DRAIN_MS + ANSWER_SLACK_MS);
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
function bestFirst<P extends SurplusPath>(paths: readonly P[]): P[] {
  const rated = paths.map((path) => {
    const rate = isAvailable(path.health) ? path.figures().deliveryRateBytesPerSecond : -1;
    return { path, rate };
  });
  return rated.sort((one, other) => other.rate - one.rate).map(({ path }) => path);
}

import { errorOfPeer, type ReplyTo } from '@kwik/kcp';
import { KwikError, toPathId, type PathId, type proto, type TimerHandle } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { failure } from '../runtime/features/control-dispatch.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathInfo } from '../api/session.js';
import type { KnownPaths } from '../runtime/paths/path-registry.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { deadPathAnswer } from './dead-path-answer.js';
import { statusOf } from './path-reports.js';

/** However long the primary wants to wait for a path that it removes. */
const MAX_DRAIN_MS = 60_000;

/** A path as it is removed. */
export type RemovablePath = Pick<PathRuntime, 'id' | 'primary' | 'address' | 'drain' | 'die' | 'send'>;

interface RemovalSession extends Pick<SessionContext, 'clock'> {
  readonly paths: KnownPaths & {
    get(id: PathId): RemovablePath | undefined;
    values(): Iterable<RemovablePath>;
    infoOf(path: RemovablePath): PathInfo;
  };
}

interface Removal {
  readonly timer: TimerHandle;
  /** The answer to the primary, also when it asks again meanwhile. */
  readonly answer: Promise<ReplyTo<'removePath'>>;
  done(): void;
}

/** The primary removes a path: it takes nothing new, delivers what is under way, and goes. */
export class PathRemovals implements Feature {
  readonly #session: RemovalSession;
  readonly #wallClockMs: () => number;
  readonly #draining = new Map<PathId, Removal>();

  readonly handlers: ControlHandlers = { removePath: (_primary, command) => this.remove(command) };

  /** `wallClockMs`: milliseconds since 1970, for what the primary is told of times. */
  constructor(session: RemovalSession, wallClockMs: () => number) {
    this.#session = session;
    this.#wallClockMs = wallClockMs;
  }

  /** Resolves when the path is gone. */
  async remove(command: proto.RemovePath): Promise<ReplyTo<'removePath'>> {
    const path = this.#session.paths.get(toPathId(command.pathId));
    if (path?.primary === true && !this.#maySpare(path, command)) {
      return failure(new KwikError('ERR_KWIK_INVALID_STATE', 'the primary path stays'));
    }
    if (path === undefined) return deadPathAnswer(this.#session, this.#wallClockMs, command.pathId);
    const known = this.#draining.get(path.id);
    if (known !== undefined) {
      if (command.drainMs === 0) this.#drained(path.id);
      return known.answer;
    }
    const reason = command.reason === '' ? 'removed by the primary' : command.reason;
    const removed: ReplyTo<'removePath'> = {
      $case: 'removePathResult',
      value: { pathId: command.pathId, removed: true, error: undefined },
    };
    // A further path to the primary, which says when it takes it again.
    const removal = path.primary
      ? errorOfPeer('ERR_KWIK_CONNECTION_REFUSED', reason, command.retryAfterMs)
      : errorOfPeer('ERR_KWIK_PATH_REMOVED', reason);
    const end = (): void => path.die(removal);
    if (command.drainMs === 0 || !path.drain(removal.message)) {
      end();
      return removed;
    }
    // The server tells when all that it had to send has arrived; it has so long.
    path.send({ $case: 'pathStatus', value: statusOf(this.#session.paths.infoOf(path)) });
    const timer = this.#session.clock.schedule(
      Math.min(command.drainMs, MAX_DRAIN_MS),
      () => void this.#drained(path.id),
    );
    let done = end;
    const answer = new Promise<ReplyTo<'removePath'>>((resolve) => {
      done = () => {
        end();
        resolve(removed);
      };
    });
    this.#draining.set(path.id, { timer, answer, done });
    return answer;
  }

  /** Further paths to a primary that is short of something, while another one leads there. */
  #maySpare({ id }: RemovablePath, { retryAfterMs }: proto.RemovePath): boolean {
    if (retryAfterMs === 0 || id < FIRST_CLIENT_PATH_ID) return false;
    return [...this.#session.paths.values()].some(
      (other) => other.primary && other.id !== id && !this.#draining.has(other.id),
    );
  }

  onPathDead({ id }: Pick<PathRuntime, 'id'>): void {
    this.#drained(id);
  }

  onEnd(): void {
    for (const { timer } of this.#draining.values()) timer.cancel();
    this.#draining.clear();
  }

  /** Its server has closed the path: when it was being removed, nothing is left to be waited for. */
  closedByServer(path: RemovablePath, reason: string): void {
    if (this.#drained(path.id)) return;
    path.die(new KwikError('ERR_KWIK_PATH_DEAD', `${path.address} closed its path: ${reason}`));
  }

  /** A path that was being removed is empty, or its time is over, or it died. False when it was none. */
  #drained(pathId: PathId): boolean {
    const removal = this.#draining.get(pathId);
    if (removal === undefined) return false;
    this.#draining.delete(pathId);
    removal.timer.cancel();
    removal.done();
    return true;
  }
}

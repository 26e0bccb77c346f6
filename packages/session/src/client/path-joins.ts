import type { ClientHandshakeResult, ControlValues, ReplyTo } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, proto, toPathId, type PathId } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { failure } from '../runtime/features/control-dispatch.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { isMisconduct } from '../runtime/paths/deaths.js';
import type { OpeningPath } from './opening-path.js';

/** Paths that a session may have had in its life. */
const MAX_PATH_IDS = 65_536;

export interface PathJoinsOptions {
  readonly maxPaths: number;
  /**
   * Dials and joins; resolves with the established path. `primary`: the numeric address of who commands it. `onOpening`: the
   * server is reached, and has been asked. Rejects with what the primary may know.
   */
  joinPath(
    command: proto.AddPath,
    primary: string,
    onOpening: (path: OpeningPath) => void,
  ): Promise<{ path: PathRuntime; result: ClientHandshakeResult }>;
  /** Told of servers that may serve content, while they are asked to join. */
  readonly content: { openPath(path: OpeningPath): void; removePath(pathId: PathId): void };
}

type Join = ReturnType<PathJoinsOptions['joinPath']>;

/** Paths to other servers: the primary commands them, and the client dials. */
export class PathJoins implements Feature {
  readonly #session: SessionContext;
  readonly #options: PathJoinsOptions;
  /** Numbers of paths that are being joined or were. */
  readonly #usedPathIds = new Set<number>([PRIMARY_PATH_ID]);
  /** Those that are being joined, or have been and live. */
  readonly #joins = new Map<number, Join>();
  #joining = 0;

  readonly handlers: ControlHandlers = { addPath: (path, command) => this.#addPath(path, command) };

  constructor(session: SessionContext, options: PathJoinsOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** The primary has given no path this number or a higher one. */
  get nextPathId(): number {
    return Math.max(...this.#usedPathIds) + 1;
  }

  onPathDead({ id }: PathRuntime): void {
    this.#joins.delete(id);
  }

  async #addPath(from: PathRuntime, command: proto.AddPath): Promise<ReplyTo<'addPath'>> {
    try {
      const pathId = toPathId(command.pathId);
      // A primary that lost its path asks again, and the first answer may have been lost with it.
      const under = this.#joins.get(pathId);
      const joining = under ?? this.#startJoin(from, pathId, command);
      const { path, result } = await joining;
      if (this.#session.closeInfo !== undefined) {
        const closed = new KwikError('ERR_KWIK_SESSION_CLOSED');
        path.die(closed);
        return failure(closed);
      }
      if (under === undefined) this.#session.addPath(path);
      if (!path.alive) throw path.death ?? new KwikError('ERR_KWIK_PATH_DEAD');
      return addPathResult(command, {
        accepted: true,
        rttUs: Math.round(path.rttMs * 1000),
        serverId: result.serverId,
        capabilities: result.capabilities,
      });
    } catch (error) {
      return addPathResult(command, { error: failure(KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED')).value });
    }
  }

  #startJoin(from: PathRuntime, pathId: PathId, command: proto.AddPath): Join {
    const before = this.#session.paths.info(pathId);
    // A number of which no path came to be is still free: the primary tries the server's other addresses under it.
    const again = before === undefined ? pathId !== PRIMARY_PATH_ID : before.state === 'dead' && !before.primary;
    if (pathId >= FIRST_CLIENT_PATH_ID || (this.#usedPathIds.has(pathId) && !again)) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `path ${pathId} was used before in this session`);
    }
    if (isMisconduct(before?.errorCode)) {
      throw new KwikError('ERR_KWIK_SERVER_UNTRUSTED', `its path broke the rules: ${before?.reason ?? ''}`);
    }
    const { maxPaths } = this.#options;
    if (this.#session.paths.size + this.#joining >= maxPaths || this.#usedPathIds.size > MAX_PATH_IDS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the client allows ${maxPaths} paths`, { scope: 'peer' });
    }
    this.#requireAdmitted();
    this.#usedPathIds.add(pathId);
    const joining = this.#join(from, command);
    this.#joins.set(pathId, joining);
    joining.catch(() => {
      this.#joins.delete(pathId);
      this.#options.content.removePath(pathId);
    });
    return joining;
  }

  /** While this process is short of something, no path comes that the session can do without. */
  #requireAdmitted(): void {
    const { limits, retryAfterMs } = this.#session.policy;
    if (limits.admitsPaths) return;
    throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', limits.text ?? '', { retryAfterMs });
  }

  async #join({ port }: PathRuntime, command: proto.AddPath): Join {
    this.#joining++;
    try {
      return await this.#options.joinPath(command, port.transport.remote.address, (path) => {
        if (!command.capabilities.includes(proto.Capability.REPLICA)) return;
        // What was asked over a connection that broke off is asked anew.
        this.#options.content.removePath(path.id);
        this.#options.content.openPath(path);
      });
    } finally {
      this.#joining--;
    }
  }
}

function addPathResult({ pathId }: proto.AddPath, result: Partial<ControlValues['addPathResult']>): ReplyTo<'addPath'> {
  const nothing = { pathId, accepted: false, rttUs: 0, serverId: '', capabilities: [], error: undefined };
  return { $case: 'addPathResult', value: { ...nothing, ...result } };
}

import type { RenewablePath, ServerHandshakeResult, SessionKeys } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, type PathId, type SessionId } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { usablePaths } from '../runtime/features/surplus-paths.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { Shortage } from '../core/policy/shortage.js';
import type { SessionEngine } from '../runtime/session/engine.js';

/** A session of which this server is the primary, and what a client needs to come back to it. */
interface Resumable {
  readonly keys: SessionKeys;
  readonly engine: SessionEngine;
}

interface SecondaryPath extends RenewablePath {
  readonly engine: SessionEngine;
}

/** The sessions of which this server is the primary: their clients come back to them, and open further paths of them. */
export class ReturningClients {
  readonly #sessions = new Map<SessionId, Resumable>();
  /** By session and path. */
  readonly #secondaries = new Map<string, SecondaryPath>();
  readonly #maxPaths: number;

  readonly #shortage: Pick<Shortage, 'limits' | 'retryAfterMs'>;

  /** `shortage`: of this server; while it lets sessions have fewer paths here, further ones are told when to come back. */
  constructor(maxPaths: number, shortage: Pick<Shortage, 'limits' | 'retryAfterMs'>) {
    this.#maxPaths = maxPaths;
    this.#shortage = shortage;
  }

  /** Until the session ends. */
  keep(keys: SessionKeys, engine: SessionEngine): void {
    const { sessionId } = keys;
    this.#sessions.set(sessionId, { keys, engine });
    void engine.closed.then(() => {
      if (this.#sessions.get(sessionId)?.engine === engine) this.#sessions.delete(sessionId);
    });
  }

  /** A path of another primary's session that leads here, until its session ends: whoever holds the session may renew it. */
  keepSecondary({ sessionId, pathId }: ServerHandshakeResult, possessionKey: Uint8Array, engine: SessionEngine): void {
    const key = secondaryKey(sessionId, pathId);
    const kept = { possessionKey, engine };
    this.#secondaries.set(key, kept);
    void engine.closed.then(() => {
      if (this.#secondaries.get(key) === kept) this.#secondaries.delete(key);
    });
  }

  /** The path, when it lives and may get another connection. */
  renewable(id: SessionId, pathId: PathId): RenewablePath | undefined {
    const own = this.#sessions.get(id);
    if (own !== undefined && isRenewable(own.engine, pathId)) {
      const { keys } = own;
      return { possessionKey: keys.possession.publicKey, keys };
    }
    // Also of a session that this server has taken over since: as a secondary it keeps the path that it had.
    const secondary = this.#secondaries.get(secondaryKey(id, pathId));
    return secondary !== undefined && isRenewable(secondary.engine, pathId) ? secondary : undefined;
  }

  /** A path that lives has another connection. */
  renew(port: PathPort, { sessionId, pathId }: ServerHandshakeResult): void {
    const ofPrimary = this.#sessions.get(sessionId)?.engine.paths.get(pathId);
    const path = ofPrimary ?? this.#secondaries.get(secondaryKey(sessionId, pathId))?.engine.paths.get(pathId);
    if (path?.renewable === true) path.offer(port);
    else port.close(new KwikError('ERR_KWIK_PATH_NOT_FOUND').wireNumber, `path ${pathId} does not live here`);
  }

  engineOf(id: SessionId): SessionEngine | undefined {
    return this.#sessions.get(id)?.engine;
  }

  keysOf(id: SessionId): SessionKeys | undefined {
    return this.#sessions.get(id)?.keys;
  }

  /** Throws for a path that the session may not have. */
  admit(result: ServerHandshakeResult): void {
    if (result.token !== undefined) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        "the address is the session's own primary: addPath is for other servers, and further paths to this one are the " +
          'option paths.extra of dial',
      );
    }
    // Numbers between are for paths to other servers, which this one gives itself.
    if (result.pathId !== PRIMARY_PATH_ID && result.pathId < FIRST_CLIENT_PATH_ID) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `a client may not take path number ${result.pathId}`);
    }
    const paths = this.#sessions.get(result.sessionId)?.engine.paths;
    const maxPaths = this.#maxPaths;
    if (paths !== undefined && !paths.has(result.pathId) && paths.size >= maxPaths) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the server allows ${maxPaths} paths`, { scope: 'peer' });
    }
    if (paths !== undefined && !paths.has(result.pathId)) this.#requireNoShortage(result.pathId, paths);
  }

  #requireNoShortage(pathId: PathId, paths: SessionEngine['paths']): void {
    const { paths: most, text = '' } = this.#shortage.limits;
    const usable = usablePaths(paths.values());
    if (pathId === PRIMARY_PATH_ID || usable.length < most) return;
    // The client may know already that they are dead: then it is let in when it asks the next time.
    for (const path of usable) path.ask();
    throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', `${text}: a session has ${most} of its paths here at the most`, {
      retryAfterMs: this.#shortage.retryAfterMs(),
    });
  }

  /** The connection is a path of its session: one that was lost, or one more. */
  resume(port: PathPort, result: ServerHandshakeResult, makePath: (engine: SessionEngine) => PathRuntime): void {
    const engine = this.#sessions.get(result.sessionId)?.engine;
    if (engine === undefined || engine.closeInfo !== undefined) {
      port.close(new KwikError('ERR_KWIK_SESSION_NOT_FOUND').wireNumber, 'the session has ended');
      return;
    }
    // The client knew first that the connection before was lost; its death here must come before the new life.
    engine.paths.get(result.pathId)?.die(new KwikError('ERR_KWIK_PATH_DEAD', 'the client connected again'));
    engine.addPath(makePath(engine));
  }
}

function secondaryKey(sessionId: SessionId, pathId: PathId): string {
  return `${sessionId} ${pathId}`;
}

function isRenewable(engine: SessionEngine, pathId: PathId): boolean {
  return engine.closeInfo === undefined && engine.paths.get(pathId)?.renewable === true;
}

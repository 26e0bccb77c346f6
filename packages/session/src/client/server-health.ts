import type { PathId, proto } from '@kwik/wire';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import { HealthPace } from '../runtime/features/health-pace.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

type SpeakingPath = Pick<PathRuntime, 'id' | 'primary' | 'serverId' | 'address'>;

interface HealthSession {
  readonly clock: SessionContext['clock'];
  readonly controlPath: Pick<PathRuntime, 'send'> | undefined;
  readonly paths: Pick<SessionContext['paths'], 'serverSaid'> & { get(id: PathId): SpeakingPath | undefined };
  wake(): void;
}

/** What servers say of themselves on their own paths: kept with the path, and that of other servers told to the primary. */
export class ServerHealthReports implements Feature {
  readonly #session: HealthSession;
  readonly #pace = new HealthPace<PathId>();
  /** Of living paths to other servers the last. */
  readonly #taken = new Map<PathId, proto.HealthReport>();
  /** Of which the primary is to be told when there is a path to it. */
  readonly #untold = new Set<PathId>();

  readonly handlers: ControlHandlers = {
    healthReport: ({ id }, said) => {
      this.#pace.hear(id, said);
      this.#session.wake();
    },
  };

  constructor(session: HealthSession) {
    this.#session = session;
  }

  onPathUp({ id, primary }: SpeakingPath): void {
    // The primary knows nothing of the path before the answer to its command is there, and would not know of whom it is told.
    this.#pace.hold(id, this.#session.clock.now());
    // What it was told last may have been lost with the path before.
    if (primary) for (const other of this.#taken.keys()) this.#untold.add(other);
  }

  plan(now: number): number | undefined {
    for (const [id, said] of this.#pace.due(now)) this.#take(id, said);
    const { controlPath } = this.#session;
    if (controlPath !== undefined) {
      for (const id of this.#untold) controlPath.send({ $case: 'healthReport', value: this.#taken.get(id)! });
      this.#untold.clear();
    }
    return this.#pace.dueAtMs;
  }

  onPathDead({ id }: SpeakingPath): void {
    this.#pace.forget(id);
    this.#taken.delete(id);
    this.#untold.delete(id);
  }

  #take(id: PathId, said: proto.HealthReport): void {
    const path = this.#session.paths.get(id);
    if (path === undefined) return;
    const { loadPermille, sessions, accepting } = said;
    this.#session.paths.serverSaid(id, { load: loadPermille / 1000, sessions, accepting });
    if (path.primary) return;
    // Of whom it is, the path says, and not the server.
    const { serverId = '', address } = path;
    this.#taken.set(id, { ...said, serverId: serverId === '' ? address : serverId });
    this.#untold.add(id);
  }
}

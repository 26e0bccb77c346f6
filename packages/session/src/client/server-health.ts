import type { proto } from '@kwik/wire';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** The primary hears of a server's health so often at the most, however often the server tells it. */
const PASS_ON_MS = 1000;

type SpeakingPath = Pick<PathRuntime, 'id' | 'primary' | 'serverId' | 'address'>;

interface HealthSession {
  readonly clock: SessionContext['clock'];
  readonly controlPath: Pick<PathRuntime, 'send'> | undefined;
  readonly paths: Pick<SessionContext['paths'], 'serverSaid'>;
  wake(): void;
}

interface Untold {
  readonly value: proto.HealthReport;
  readonly dueMs: number;
}

/** What servers say of themselves on their own paths: kept with the path, and that of other servers told to the primary. */
export class ServerHealthReports implements Feature {
  readonly #session: HealthSession;
  /** By path; of each there is one. */
  readonly #untold = new Map<number, Untold>();
  readonly #toldMs = new Map<number, number>();

  readonly handlers: ControlHandlers = { healthReport: (path, value) => this.#take(path, value) };

  constructor(session: HealthSession) {
    this.#session = session;
  }

  plan(now: number): number | undefined {
    let nextMs: number | undefined;
    for (const [id, { value, dueMs }] of this.#untold) {
      const { controlPath } = this.#session;
      if (controlPath === undefined) return nextMs;
      if (now < dueMs) nextMs = Math.min(nextMs ?? dueMs, dueMs);
      else {
        this.#untold.delete(id);
        this.#toldMs.set(id, now);
        controlPath.send({ $case: 'healthReport', value });
      }
    }
    return nextMs;
  }

  onPathDead({ id }: SpeakingPath): void {
    this.#untold.delete(id);
    this.#toldMs.delete(id);
  }

  #take({ id, primary, serverId = '', address }: SpeakingPath, said: proto.HealthReport): void {
    const { loadPermille, sessions, accepting } = said;
    this.#session.paths.serverSaid(id, { load: loadPermille / 1000, sessions, accepting });
    if (primary) return;
    // Of whom it is, the path says, and not the server.
    const value = { ...said, serverId: serverId === '' ? address : serverId };
    const toldMs = this.#toldMs.get(id) ?? Number.NEGATIVE_INFINITY;
    this.#untold.set(id, { value, dueMs: toldMs + PASS_ON_MS });
    this.#session.wake();
  }
}

import type { proto } from '@kwik/wire';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import { HealthPace } from '../runtime/features/health-pace.js';
import type { SessionContext } from '../runtime/features/session-context.js';

interface HintedSession {
  readonly paths: Pick<SessionContext['paths'], 'toServer' | 'serverSaid'>;
  wake(): void;
}

/**
 * What the client of a primary says of the health of its paths' servers. A hint for this session alone: it changes nothing of what
 * the primary knows of a server elsewhere, whether it is trusted, or whether it is chosen for others.
 */
export class HealthHints implements Feature {
  readonly #session: HintedSession;
  /** By the name of the server, of which the session has a path when it is heard: there are no more than those. */
  readonly #pace = new HealthPace<string>();

  readonly handlers: ControlHandlers = { healthReport: (_client, said) => this.#hear(said) };

  constructor(session: HintedSession) {
    this.#session = session;
  }

  plan(now: number): number | undefined {
    for (const [server, { loadPermille, sessions, accepting }] of this.#pace.due(now)) {
      for (const id of this.#session.paths.toServer(server)) {
        this.#session.paths.serverSaid(id, { load: loadPermille / 1000, sessions, accepting });
      }
    }
    return this.#pace.dueAtMs;
  }

  #hear(said: proto.HealthReport): void {
    if (this.#session.paths.toServer(said.serverId).length === 0) return;
    this.#pace.hear(said.serverId, said);
    this.#session.wake();
  }
}

import { reportHealth, type ServerHealth, type ServerSession } from '@kwik/session';
import type { WorkerParts } from './worker-parts.js';

/** What the clients of a server's sessions are told of it: those that are there at each change, and those that come. */
export class ToldHealth {
  readonly #sessions: ReadonlySet<ServerSession>;
  #health: ServerHealth | undefined;

  readonly set = (health: ServerHealth): void => {
    this.#health = health;
    for (const session of this.#sessions) reportHealth(session, health);
  };

  /** `shared`: of one of several processes, which hears how all of them are together. */
  constructor(sessions: ReadonlySet<ServerSession>, shared?: Pick<WorkerParts, 'onFleetHealth'>) {
    this.#sessions = sessions;
    shared?.onFleetHealth(this.set);
  }

  begin(session: ServerSession): void {
    if (this.#health !== undefined) reportHealth(session, this.#health);
  }
}

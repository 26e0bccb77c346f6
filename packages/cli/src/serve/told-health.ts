import { reportHealth, type ServerHealth, type ServerSession } from '@kwik/session';

/** What the clients of a server's sessions are told of it: those that are there at each change, and those that come. */
export class ToldHealth {
  readonly #sessions: ReadonlySet<ServerSession>;
  #health: ServerHealth | undefined;

  constructor(sessions: ReadonlySet<ServerSession>) {
    this.#sessions = sessions;
  }

  readonly set = (health: ServerHealth): void => {
    this.#health = health;
    for (const session of this.#sessions) reportHealth(session, health);
  };

  begin(session: ServerSession): void {
    if (this.#health !== undefined) reportHealth(session, this.#health);
  }
}

/** A session that may be in no use. */
export interface IdleSession {
  /** Nothing is going on in it at the moment. */
  readonly quiet: boolean;
  /** Another number than before when something went on meanwhile: short questions and datagrams are over at most looks. */
  readonly activity: number;
  close(code: number, reason: string): Promise<void>;
}

/** A client between two requests is given so long to make the next. */
const IDLE_MS = 2000;
/** At one look; the next comes soon. */
const MAX_AT_ONCE = 32;
const REASON = 'the server is overloaded, and the session was in no use';

interface Idle {
  readonly sinceMs: number;
  readonly activity: number;
}

/** Which sessions have been idle for how long. */
export class IdleSessions {
  #idle = new Map<IdleSession, Idle>();
  /** An end may take a while. */
  readonly #ending = new WeakSet<IdleSession>();

  /** Ends those that have been idle longest, and says how many. Those that are not in `sessions` are forgotten. */
  #endLongest(sessions: Iterable<IdleSession>, now: number): number {
    const idle = new Map<IdleSession, Idle>();
    for (const session of sessions) {
      if (!session.quiet || this.#ending.has(session)) continue;
      const { activity } = session;
      const before = this.#idle.get(session);
      idle.set(session, before?.activity === activity ? before : { sinceMs: now, activity });
    }
    const ended = [...idle]
      .filter(([, { sinceMs }]) => now - sinceMs >= IDLE_MS)
      .sort(([, one], [, other]) => one.sinceMs - other.sinceMs)
      .slice(0, MAX_AT_ONCE);
    for (const [session] of ended) {
      idle.delete(session);
      this.#ending.add(session);
      void session.close(0, REASON);
    }
    this.#idle = idle;
    return ended.length;
  }

  /** `ends`: whether they are to end now; else what is known of them is forgotten. Says how many ended. */
  look(ends: boolean, sessions: Iterable<IdleSession>, now: number): number {
    if (ends) return this.#endLongest(sessions, now);
    if (this.#idle.size > 0) this.#idle = new Map();
    return 0;
  }
}

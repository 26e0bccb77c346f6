import type { Clock } from '@kwik/wire';
import type { AcceptedSession } from './server-session.js';

/** How long `close` of a listener lets its sessions go on: as long as service managers give a process to stop. */
export const LISTENER_CLOSE_TIMEOUT_MS = 30_000;
/** A session without streams for so long has finished; a client between two requests is given as long to make the next. */
const QUIET_MS = 1000;
const LOOK_EVERY_MS = 100;
const REASON = 'the server is stopping';

/**
 * Lets sessions finish: those in which nothing is going on are closed, after `timeoutMs` all of them. Resolves when all
 * have ended. `sessions` loses those that end; 0 ends all at once.
 */
export async function letFinish(
  sessions: ReadonlySet<AcceptedSession>,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<void> {
  if (timeoutMs <= 0) {
    await Promise.all([...sessions].map((session) => session.close(0, REASON, { timeoutMs: 0 })));
    return;
  }
  const endsAtMs = clock.now() + timeoutMs;
  const quietSinceMs = new WeakMap<AcceptedSession, number>();
  while (sessions.size > 0) {
    const now = clock.now();
    for (const session of sessions) {
      if (!session.quiet) quietSinceMs.delete(session);
      else if (!quietSinceMs.has(session)) quietSinceMs.set(session, now);
      const quietMs = now - (quietSinceMs.get(session) ?? now);
      // Not awaited here: one that takes long is no reason to let others wait.
      if (quietMs >= QUIET_MS || now >= endsAtMs) void session.close(0, REASON);
    }
    await new Promise<void>((resolve) => clock.schedule(LOOK_EVERY_MS, resolve));
  }
}

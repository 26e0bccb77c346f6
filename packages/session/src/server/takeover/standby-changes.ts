import type { Clock } from '@kwik/wire';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import type { AcceptedSession } from '../server-session.js';

/** However often the standby changes, sessions are gone through no more often than this. */
const MIN_BETWEEN_MS = 1000;
/** To seal a session and to send it takes some 0.1 ms: so many at once leave room for what the server is there for. */
const PER_SESSION_MS = 0.25;

/** The standby of a listener is another one: its clients are told one after the other, the first at once. */
export class StandbyChanges {
  readonly #sessions: Iterable<Pick<AcceptedSession, 'standbyChanged'>>;
  readonly #clock: Clock;
  readonly #timer: DueTimer;
  #due = false;
  #lastMs = -Infinity;

  constructor(sessions: Iterable<Pick<AcceptedSession, 'standbyChanged'>>, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#timer = new DueTimer(clock, () => this.#tell());
  }

  changed(): void {
    if (this.#due) return;
    this.#due = true;
    this.#timer.set(Math.max(this.#clock.now(), this.#lastMs + MIN_BETWEEN_MS));
  }

  end(): void {
    this.#due = true;
    this.#timer.set(undefined);
  }

  #tell(): void {
    this.#due = false;
    this.#lastMs = this.#clock.now();
    let atMs = this.#lastMs;
    for (const session of this.#sessions) {
      if (session.standbyChanged(atMs)) atMs += PER_SESSION_MS;
    }
  }
}

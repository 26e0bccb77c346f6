import { KwikError, type TimerHandle } from '@kwik/wire';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { isRecoverable } from '../runtime/paths/deaths.js';
import { OverduePath } from '../runtime/paths/overdue-path.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** What it needs of its session. */
interface ReturnSession extends Pick<SessionContext, 'clock' | 'lost' | 'fail'> {
  readonly paths: { readonly size: number };
  readonly policy: { readonly limits: Pick<SessionContext['policy']['limits'], 'text'> };
}

/** A server whose client is away waits for it, for a while. */
export class ClientReturn implements Feature {
  readonly #session: ReturnSession;
  readonly #recoveryMs: number;
  readonly #overdue = new OverduePath<Pick<PathRuntime, 'health'>>();
  /** Runs while the client is away, or silent for so long that it may be. */
  #away: TimerHandle | undefined;

  /** `recoveryMs`: how long the session waits, milliseconds; 0: not at all, as at a secondary. */
  constructor(session: ReturnSession, recoveryMs: number) {
    this.#session = session;
    this.#recoveryMs = recoveryMs;
  }

  onPathUp(): void {
    this.#isThere();
  }

  /** While this end is short of something it may itself be late, and a client that comes again costs it more than one that stays. */
  keepsOverdue(path: Pick<PathRuntime, 'health'>): boolean {
    if (this.#recoveryMs === 0 || this.#session.policy.limits.text === undefined) return false;
    if (!this.#overdue.keep(path, this.#session.clock.now())) return false;
    this.#waitFor(new KwikError('ERR_KWIK_PATH_DEAD', 'nothing is heard from it'));
    return true;
  }

  onPathHealth(path: Pick<PathRuntime, 'health'>): void {
    if (this.#overdue.isHeard(path)) this.#isThere();
  }

  onPathDead(path: Pick<PathRuntime, 'death' | 'health'>): void {
    this.#overdue.end(path);
    if (this.#session.paths.size > 0) return;
    const { death = new KwikError('ERR_KWIK_PATH_DEAD') } = path;
    if (this.#recoveryMs > 0 && isRecoverable(death)) this.#waitFor(death);
    else this.#session.lost(death);
  }

  onEnd(): void {
    this.#away?.cancel();
  }

  #isThere(): void {
    this.#away?.cancel();
    this.#away = undefined;
  }

  /** From when it was missed first. */
  #waitFor(death: KwikError): void {
    const recoveryMs = this.#recoveryMs;
    this.#away ??= this.#session.clock.schedule(recoveryMs, () => {
      const reason = `the client did not come back in ${recoveryMs} ms: ${death.message}`;
      this.#session.fail(new KwikError('ERR_KWIK_NO_PATH', reason, { cause: death }));
    });
  }
}

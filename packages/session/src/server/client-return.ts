import { KwikError, type TimerHandle } from '@kwik/wire';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { isRecoverable } from '../runtime/paths/deaths.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** What it needs of its session. */
interface ReturnSession extends Pick<SessionContext, 'clock' | 'lost' | 'fail'> {
  readonly paths: { readonly size: number };
}

/** A server whose client is away waits for it, for a while. */
export class ClientReturn implements Feature {
  readonly #session: ReturnSession;
  readonly #recoveryMs: number;
  /** Runs while the client is away. */
  #away: TimerHandle | undefined;

  /** `recoveryMs`: how long the session waits, milliseconds; 0: not at all, as at a secondary. */
  constructor(session: ReturnSession, recoveryMs: number) {
    this.#session = session;
    this.#recoveryMs = recoveryMs;
  }

  onPathUp(): void {
    this.#away?.cancel();
    this.#away = undefined;
  }

  onPathDead({ death = new KwikError('ERR_KWIK_PATH_DEAD') }: Pick<PathRuntime, 'death'>): void {
    if (this.#session.paths.size > 0) return;
    const recoveryMs = this.#recoveryMs;
    if (recoveryMs === 0 || !isRecoverable(death)) {
      this.#session.lost(death);
      return;
    }
    this.#away = this.#session.clock.schedule(recoveryMs, () => {
      const reason = `the client did not come back in ${recoveryMs} ms: ${death.message}`;
      this.#session.fail(new KwikError('ERR_KWIK_NO_PATH', reason, { cause: death }));
    });
  }

  onEnd(): void {
    this.#away?.cancel();
  }
}

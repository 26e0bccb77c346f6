import { KwikError, type AccessLimits, type TimerHandle } from '@kwik/wire';
import type { SessionContext } from './session-context.js';
import type { Feature } from './feature.js';

type LimitedSession = Pick<SessionContext, 'clock' | 'fail' | 'closeInfo'> & {
  readonly paths: { infos(): readonly { readonly wireSentBytes?: number; readonly wireReceivedBytes?: number }[] };
};

/** How often the bytes of a session that is at work are counted. */
const COUNT_EVERY_MS = 100;
/** What a timer of Node waits at the most. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Ends a session whose rule lets it last only so long, or move only so much. */
export class AccessTerm implements Feature {
  readonly #session: LimitedSession;
  readonly #limits: AccessLimits;
  readonly #wallClockMs: () => number;
  #timer: TimerHandle | undefined;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(session: LimitedSession, limits: AccessLimits, wallClockMs: () => number) {
    this.#session = session;
    this.#limits = limits;
    this.#wallClockMs = wallClockMs;
  }

  onPathUp(): void {
    if (this.#timer === undefined) this.#arm();
  }

  plan(now: number): undefined {
    const { bytes } = this.#limits;
    if (bytes === undefined || now < this.#countedMs + COUNT_EVERY_MS) return;
    this.#countedMs = now;
    let moved = 0;
    for (const { wireSentBytes = 0, wireReceivedBytes = 0 } of this.#session.paths.infos()) {
      moved += wireSentBytes + wireReceivedBytes;
    }
    if (moved <= bytes) return;
    this.#session.fail(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the session may move ${bytes} bytes, and has`));
  }

  onEnd(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    const { untilMs } = this.#limits;
    if (untilMs === undefined || this.#session.closeInfo !== undefined) return;
    const leftMs = untilMs - this.#wallClockMs();
    if (leftMs <= 0) {
      const until = new Date(untilMs).toISOString();
      this.#session.fail(new KwikError('ERR_KWIK_PERMISSION_DENIED', `the session was allowed until ${until}`));
      return;
    }
    this.#timer = this.#session.clock.schedule(Math.min(leftMs, MAX_TIMER_MS), () => this.#arm());
  }
}

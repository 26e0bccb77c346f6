import { KwikError, type Clock } from '@kwik/wire';
import type { HandOver, HandOverOptions } from '../../api/listener.js';
import { checkHandOver } from '../../options/call-rules.js';
import type { AcceptedSession } from '../server-session.js';

/** As long as `close` of a listener lets sessions go on. */
const TIMEOUT_MS = 30_000;

export interface HandOverNeeds {
  /** Those that are open. */
  readonly sessions: ReadonlySet<AcceptedSession>;
  readonly clock: Clock;
  readonly hasStandby: boolean;
  /** The listener is being closed: its sessions are to go in any case, however a hand-over ends. */
  readonly isClosing: () => boolean;
}

/** Has the sessions of a listener go on at the standby, one time after the other. */
export class HandOvers {
  #underWay = false;

  /** Resolves when those that can have gone; those that are left then are told to stay. Rejects as `handOver` of a listener. */
  async begin(options: HandOverOptions, needs: HandOverNeeds): Promise<HandOver> {
    checkHandOver(options);
    this.#assertPossible(needs);
    const { sessions, clock, isClosing } = needs;
    const primaries = [...sessions].filter(({ role }) => role === 'primary');
    const left = new Set(primaries);
    for (const session of primaries) void session.closed.then(() => left.delete(session));
    const asked = primaries.filter((session) => session.leaveToStandby());
    this.#underWay = true;
    await allGone(asked, clock, options);
    this.#underWay = false;
    if (!isClosing()) for (const session of left) session.leaveToStandby(false);
    return { gone: primaries.length - left.size, left: left.size };
  }

  #assertPossible({ hasStandby, isClosing }: HandOverNeeds): void {
    if (!hasStandby) throw refusal('this server has no standby; name one in takeover.standby');
    if (isClosing()) throw refusal('the listener is closed');
    if (this.#underWay) throw refusal('they are being handed over; wait for that, or abort it by its signal');
  }
}

/** Or there is no more time, or they are to stay. Never rejects. */
function allGone(
  asked: readonly AcceptedSession[],
  clock: Clock,
  { timeoutMs = TIMEOUT_MS, signal }: HandOverOptions,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.schedule(timeoutMs, end);
    signal?.addEventListener('abort', end);
    if (signal?.aborted === true) end();
    void Promise.all(asked.map(({ closed }) => closed)).then(end);
  });
}

function refusal(why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_STATE', `sessions cannot be handed over: ${why}`);
}

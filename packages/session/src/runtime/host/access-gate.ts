import { KwikError, type AccessControl, type AccessDecision, type AccessLimits, type AccessRequest } from '@kwik/wire';
import type { SessionHost } from './session-host.js';

/** Asks the application's access control; without one everything is allowed. */
export class AccessGate {
  readonly #access: AccessControl | undefined;
  readonly #host: Pick<SessionHost, 'callbacks' | 'diagnostics'>;
  readonly #wallClockMs: () => number;

  constructor(
    access: AccessControl | undefined,
    host: Pick<SessionHost, 'callbacks' | 'diagnostics'>,
    wallClockMs: () => number,
  ) {
    this.#access = access;
    this.#host = host;
    this.#wallClockMs = wallClockMs;
  }

  /** How much is allowed. Throws ERR_KWIK_PERMISSION_DENIED with the name of the rule. */
  require(request: Omit<AccessRequest, 'nowMs'>): AccessLimits {
    const access = this.#access;
    if (access === undefined) return {};
    const asked = { ...request, nowMs: this.#wallClockMs() };
    const { callbacks, diagnostics } = this.#host;
    const decision = callbacks.ask('guard.access', () => access.decide(asked), UNDECIDED);
    diagnostics.publisher.publish('kwik:trust:decided', () => ({
      subject: request.identity ?? request.peer ?? '',
      action: request.action,
      decision: decision.allowed ? 'allowed' : 'refused',
      reason: `rule ${decision.rule}${decision.allowed ? '' : `: ${decision.reason}`}`,
    }));
    if (decision.allowed) return decision.limits;
    throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${decision.reason} (rule ${decision.rule})`);
  }
}

/** Whoever decides has failed: nobody gets in by that. */
const UNDECIDED: AccessDecision = { allowed: false, rule: 'none', reason: 'the access control failed' };

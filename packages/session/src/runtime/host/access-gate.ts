import { KwikError, type AccessControl, type AccessDecision, type AccessLimits, type AccessRequest } from '@kwik/wire';
import type { UserCallbacks } from './user-callbacks.js';

/** Asks the application's access control; without one everything is allowed. */
export class AccessGate {
  readonly #access: AccessControl | undefined;
  readonly #callbacks: UserCallbacks;
  readonly #wallClockMs: () => number;

  constructor(access: AccessControl | undefined, callbacks: UserCallbacks, wallClockMs: () => number) {
    this.#access = access;
    this.#callbacks = callbacks;
    this.#wallClockMs = wallClockMs;
  }

  /** How much is allowed. Throws ERR_KWIK_PERMISSION_DENIED with the name of the rule. */
  require(request: Omit<AccessRequest, 'nowMs'>): AccessLimits {
    const access = this.#access;
    if (access === undefined) return {};
    const asked = { ...request, nowMs: this.#wallClockMs() };
    const decision = this.#callbacks.ask('guard.access', () => access.decide(asked), UNDECIDED);
    if (decision.allowed) return decision.limits;
    throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${decision.reason} (rule ${decision.rule})`);
  }
}

/** Whoever decides has failed: nobody gets in by that. */
const UNDECIDED: AccessDecision = { allowed: false, rule: 'none', reason: 'the access control failed' };

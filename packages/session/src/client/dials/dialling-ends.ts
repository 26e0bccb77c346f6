import type { PolicyEngine } from '../../core/policy/policy-engine.js';
import { DIALLING_STEPS } from '../../core/policy/policy-steps.js';
import { policyOfEnd, type PolicySurroundings } from '../../runtime/host/policy-of-end.js';
import { DialGate } from './dial-gate.js';
import { DialOverload } from './dial-overload.js';

/** What all sessions that a process dials over one network have in common. */
export interface DiallingEnd {
  readonly policy: PolicyEngine;
  /** Where their dials pass. */
  readonly gate: DialGate;
  /** What they may use together. */
  readonly overload: DialOverload;
}

/** Of a process: one for each network, for what was learned of one says nothing of another. */
export class DiallingEnds {
  readonly #ends = new WeakMap<object, DiallingEnd>();

  /** `network`: what the dials go out over. Who asks first says on what it runs. */
  of(network: object, around: Omit<PolicySurroundings, 'name' | 'steps'>): DiallingEnd {
    const known = this.#ends.get(network);
    if (known !== undefined) return known;
    const { clock } = around;
    const policy = policyOfEnd({ ...around, name: 'this process', steps: DIALLING_STEPS });
    const end = { policy, gate: new DialGate(clock, policy.dials), overload: new DialOverload({ clock, policy }) };
    this.#ends.set(network, end);
    return end;
  }
}

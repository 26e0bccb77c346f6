import { PolicyEngine, type PolicyEngineOptions } from '../../core/policy/policy-engine.js';
import type { ProcessDiagnostics } from '@kwik/quic';
import type { Clock } from '@kwik/wire';

/** What the policy of an end runs on. */
export interface PolicySurroundings extends Pick<PolicyEngineOptions, 'name' | 'random' | 'steps'> {
  readonly diagnostics: Pick<ProcessDiagnostics, 'publisher'>;
  readonly clock: Clock;
}

/** The policy of one end: what it decides is published, and what was too much to be told one by one soon afterwards. */
export function policyOfEnd({ diagnostics, clock, ...options }: PolicySurroundings): PolicyEngine {
  let waits = false;
  const engine = new PolicyEngine({
    ...options,
    publish: (decision) => diagnostics.publisher.publish('kwik:scaling:step', () => decision),
    onDue: (atMs) => {
      if (waits) return;
      waits = true;
      clock.schedule(Math.max(0, atMs - clock.now()), () => {
        waits = false;
        engine.tick(clock.now());
      });
    },
  });
  return engine;
}

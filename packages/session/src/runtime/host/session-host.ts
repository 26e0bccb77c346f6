import { processDiagnostics, systemClock, type ProcessDiagnostics } from '@kwik/quic';
import type { AuditSink, Clock } from '@kwik/wire';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import type { PolicyEngine } from '../../core/policy/policy-engine.js';
import { AuditTrail } from './audit-trail.js';
import { jitterOf } from './jitter.js';
import { policyOfEnd } from './policy-of-end.js';
import { UserCallbacks } from './user-callbacks.js';

/** What the sessions of one listener, or the one session of a dial, have in common. */
export interface SessionHost {
  readonly memory: MemoryLedger;
  /** What this end decides of what it has and gives. */
  readonly policy: PolicyEngine;
  readonly callbacks: UserCallbacks;
  readonly audit: AuditTrail;
  /** Where they tell what happens, and where their counters are found. */
  readonly diagnostics: ProcessDiagnostics;
}

/** What the host is made of, where it is not the default. */
export interface HostOptions {
  readonly diagnostics?: ProcessDiagnostics;
  readonly audit?: AuditSink | undefined;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** 0 <= random() < 1. Default: Math.random. */
  readonly random?: (() => number) | undefined;
  /** Of the end that the sessions belong to. Default: one of a server. */
  readonly policy?: (host: Pick<SessionHost, 'callbacks' | 'diagnostics'>) => PolicyEngine;
}

export function newHost(options: HostOptions = {}): SessionHost {
  const { diagnostics = processDiagnostics(), audit, clock = systemClock(), policy } = options;
  const callbacks = new UserCallbacks();
  const trail = new AuditTrail(audit, callbacks, () => clock.now());
  const random = jitterOf(callbacks, options.random);
  return {
    memory: new MemoryLedger(),
    policy: policy?.({ callbacks, diagnostics }) ?? policyOfEnd({ name: 'the server', random, diagnostics, clock }),
    callbacks,
    audit: trail,
    diagnostics,
  };
}

import { processDiagnostics, type ProcessDiagnostics } from '@kwik/quic';
import type { AuditSink } from '@kwik/wire';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { AuditTrail } from './audit-trail.js';
import { Shortage } from './shortage.js';
import { UserCallbacks } from './user-callbacks.js';

/** What the sessions of one listener, or the one session of a dial, have in common. */
export interface SessionHost {
  readonly memory: MemoryLedger;
  /** What this end is short of. */
  readonly shortage: Shortage;
  readonly callbacks: UserCallbacks;
  readonly audit: AuditTrail;
  /** Where they tell what happens, and where their counters are found. */
  readonly diagnostics: ProcessDiagnostics;
}

/** What the host is made of, where it is not the default. */
export interface HostOptions {
  readonly diagnostics?: ProcessDiagnostics;
  readonly audit?: AuditSink | undefined;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export function newHost({ diagnostics = processDiagnostics(), audit, now }: HostOptions = {}): SessionHost {
  const callbacks = new UserCallbacks();
  const trail = new AuditTrail(audit, callbacks, now ?? (() => performance.now()));
  return { memory: new MemoryLedger(), shortage: new Shortage(), callbacks, audit: trail, diagnostics };
}

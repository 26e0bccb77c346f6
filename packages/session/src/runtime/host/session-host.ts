import { processDiagnostics, type ProcessDiagnostics } from '@kwik/quic';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { UserCallbacks } from './user-callbacks.js';

/** What the sessions of one listener, or the one session of a dial, have in common. */
export interface SessionHost {
  readonly memory: MemoryLedger;
  readonly callbacks: UserCallbacks;
  /** Where they tell what happens, and where their counters are found. */
  readonly diagnostics: ProcessDiagnostics;
}

export function newHost(diagnostics = processDiagnostics()): SessionHost {
  return { memory: new MemoryLedger(), callbacks: new UserCallbacks(), diagnostics };
}

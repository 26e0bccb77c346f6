import type { Scheduler } from '@kwik/wire';
import type { WriteOptions, WriteRouting } from '../api/options.js';
import { schedulerFactory } from '../schedulers.js';

export interface ResolvedWrites {
  readonly routing: WriteRouting;
  /** Called once for each session. */
  readonly makeScheduler: () => Scheduler;
  /** This end compresses, and inflates, where the peer does as well. */
  readonly compresses: boolean;
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for a name that no scheduler has. */
export function resolveWrites(writes: WriteOptions = {}, defaultRouting: WriteRouting): ResolvedWrites {
  return {
    routing: writes.routing ?? defaultRouting,
    makeScheduler: schedulerFactory(writes.scheduler),
    compresses: writes.compression === 'auto',
  };
}

import { createScheduler, SCHEDULER_NAMES } from '@kwik/scheduler';
import { KwikError, type Scheduler } from '@kwik/wire';

/** A scheduler by name, or a function that makes one for each session. Default: `adaptive`. */
export type SchedulerChoice = string | (() => Scheduler);

/** Throws ERR_KWIK_INVALID_ARGUMENT for a name that no scheduler has. */
export function schedulerFactory(choice: SchedulerChoice | undefined): () => Scheduler {
  if (typeof choice === 'function') return choice;
  if (choice !== undefined && !(SCHEDULER_NAMES as readonly string[]).includes(choice)) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `no scheduler is called '${choice}'; there are ${SCHEDULER_NAMES.join(', ')}, or give a function that makes one`,
    );
  }
  return () => createScheduler(choice);
}

import { createScheduler, SCHEDULER_NAMES, withIntents } from '@kwik/scheduler';
import { KwikError, type Scheduler } from '@kwik/wire';

/**
 * A scheduler by name, or a function that makes one for each session. Default: `adaptive`. Those with a name carry streams as
 * their intent says; one of your own is asked about each stream with its intent, and may leave that to `withIntents` of
 * `@kwik/scheduler`.
 */
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
  return () => withIntents(() => createScheduler(choice));
}

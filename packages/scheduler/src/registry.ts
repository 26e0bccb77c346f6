import { KwikError, type Scheduler } from '@kwik/wire';
import { createAdaptiveScheduler } from './policies/adaptive.js';
import { createBlestScheduler } from './policies/blest.js';
import { createEcfScheduler } from './policies/ecf.js';
import { createMinRttScheduler } from './policies/min-rtt.js';
import { createRedundantScheduler } from './policies/redundant.js';
import { createRoundRobinScheduler } from './policies/round-robin.js';
import { createWeightedScheduler } from './policies/weighted.js';

/** Makes a scheduler with state of its own; one per session. */
export type SchedulerFactory = () => Scheduler;

const FACTORIES = {
  adaptive: createAdaptiveScheduler,
  blest: createBlestScheduler,
  ecf: createEcfScheduler,
  'min-rtt': createMinRttScheduler,
  redundant: () => createRedundantScheduler(),
  'round-robin': createRoundRobinScheduler,
  weighted: createWeightedScheduler,
} as const satisfies Record<string, SchedulerFactory>;

export type SchedulerName = keyof typeof FACTORIES;

/** Used where nothing else is asked for. */
export const DEFAULT_SCHEDULER: SchedulerName = 'adaptive';

export const SCHEDULER_NAMES: readonly SchedulerName[] = Object.keys(FACTORIES) as SchedulerName[];

/** Throws ERR_KWIK_INVALID_ARGUMENT for a name that is not in `SCHEDULER_NAMES`. */
export function createScheduler(name: string = DEFAULT_SCHEDULER): Scheduler {
  const factory = Object.hasOwn(FACTORIES, name) ? FACTORIES[name as SchedulerName] : undefined;
  if (factory !== undefined) return factory();
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `no scheduler is called ${JSON.stringify(name)}; there are ${SCHEDULER_NAMES.join(', ')}`,
  );
}

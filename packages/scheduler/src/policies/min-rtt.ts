import type { Scheduler } from '@kwik/wire';
import { Selector, send } from '../common/decide.js';
import { lowest, rttMs } from '../common/estimate.js';

/**
 * The path with the lowest smoothed RTT among those that can send now: what Linux MPTCP did for years. Never waits
 * for a faster path, so a slow one gets its share of every burst; good where paths are alike.
 */
export function createMinRttScheduler(): Scheduler {
  const selector = new Selector();
  return {
    name: 'min-rtt',
    select: (request, paths, now) =>
      selector.select(request, paths, now, (sendable) => send(lowest(sendable, rttMs), request)),
  };
}

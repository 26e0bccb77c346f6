import type { Scheduler } from '@kwik/wire';
import { schedulerOf, send } from '../common/decide.js';
import { lowest, rttMs } from '../common/estimate.js';

/**
 * The path with the lowest smoothed RTT among those that can send now: what Linux MPTCP did for years. Never waits
 * for a faster path, so a slow one gets its share of every burst; good where paths are alike.
 */
export function createMinRttScheduler(): Scheduler {
  return schedulerOf('min-rtt', (sendable, _busy, request) => send(lowest(sendable, rttMs), request));
}

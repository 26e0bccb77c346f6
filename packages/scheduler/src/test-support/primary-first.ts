import type { Scheduler } from '@kwik/wire';
import { lowest, rttMs, schedulerOf, send } from '@kwik/scheduler';

/** The primary's path as long as it can send; while it is busy, the nearest other one. */
export function createPrimaryFirstScheduler(): Scheduler {
  return schedulerOf('primary-first', (sendable, _busy, request) => {
    const primary = sendable.find((path) => path.primary);
    return send(primary ?? lowest(sendable, rttMs), request);
  });
}

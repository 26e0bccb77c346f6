import type { Scheduler } from '@kwik/wire';
import { lowest, rttMs, Selector, send } from '@kwik/scheduler';

/** The primary's path as long as it can send; while it is busy, the nearest other one. */
export function createPrimaryFirstScheduler(): Scheduler {
  const selector = new Selector();
  return {
    name: 'primary-first',
    select: (request, paths, now) =>
      selector.select(request, paths, now, (sendable) => {
        const primary = sendable.find((path) => path.primary);
        return send(primary ?? lowest(sendable, rttMs), request);
      }),
  };
}

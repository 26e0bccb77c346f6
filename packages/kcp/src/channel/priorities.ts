import { proto } from '@kwik/wire';
import type { KcpBody } from './kcp-body.js';

/** Lanes of the send queue, the most urgent first. */
export const LANE_COUNT = 5;

/** The lane (0 is the most urgent) of a priority; what was not said or is not known is NORMAL. */
export function laneOf(priority: proto.Priority): number {
  switch (priority) {
    case proto.Priority.CRITICAL:
      return 0;
    case proto.Priority.HIGH:
      return 1;
    case proto.Priority.UNSPECIFIED:
    case proto.Priority.NORMAL:
      return 2;
    case proto.Priority.LOW:
      return 3;
    case proto.Priority.BACKGROUND:
      return 4;
    default:
      // A number of a newer version.
      return 2;
  }
}

/**
 * The priority of a message for which the caller names none. Only kinds whose order against others means nothing leave
 * NORMAL: order is kept within a priority only.
 */
export function defaultPriority(kind: KcpBody['$case']): proto.Priority {
  switch (kind) {
    case 'ping':
    case 'pong':
      return proto.Priority.CRITICAL;
    case 'healthReport':
    case 'capacityReport':
    case 'serverAnnouncement':
      return proto.Priority.BACKGROUND;
    default:
      return proto.Priority.NORMAL;
  }
}

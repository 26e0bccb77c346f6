import { proto } from '@kwik/wire';

/** Levels of the send queue, the most urgent first. */
export const LEVEL_COUNT = 5;

/** The level (0 is the most urgent) of a priority; what was not said or is not known is NORMAL. */
export function levelOf(priority: proto.Priority): number {
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

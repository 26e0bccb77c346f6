import type { BlockedFrame, Frame } from '../gen/kwik/v1/data.js';
import { check62 } from './frame-rules.js';

export interface BlockedFrameOptions {
  /** Absent: the session's window holds the sender up. */
  readonly streamId?: bigint | undefined;
  /** The window that holds, as in the window update that set it. */
  readonly limit: bigint;
}

/** Tells the receiver that its window holds the sender up (RFC 9000, sections 19.12 and 19.13). */
export function blockedFrame(options: BlockedFrameOptions): Frame {
  const { streamId, limit } = options;
  return { body: { $case: 'blocked', value: { streamId, limit } } };
}

export function checkBlockedFrame(frame: BlockedFrame): void {
  if (frame.streamId !== undefined) check62(frame.streamId, 'stream id');
  check62(frame.limit, 'limit');
}

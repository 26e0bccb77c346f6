import type { Frame, WindowUpdateFrame } from '../gen/kwik/v1/data.js';
import { check62 } from './frame-rules.js';

export interface WindowUpdateFrameOptions {
  /** Absent: the window of the session. */
  readonly streamId?: bigint | undefined;
  /** The first KWIK offset (for the session: the count of bytes) that may not be sent; absolute. */
  readonly maxOffset: bigint;
}

/** Lets the peer send more. */
export function windowUpdateFrame(options: WindowUpdateFrameOptions): Frame {
  const { streamId, maxOffset } = options;
  return { body: { $case: 'windowUpdate', value: { streamId, maxOffset } } };
}

export function checkWindowUpdateFrame(frame: WindowUpdateFrame): void {
  if (frame.streamId !== undefined) check62(frame.streamId, 'stream id');
  check62(frame.maxOffset, 'window');
}

import type { Frame, StopSendingFrame } from '../gen/kwik/v1/data.js';
import { check62, checkUint32 } from './frame-rules.js';

export interface StopSendingFrameOptions {
  readonly streamId: bigint;
  /** Application error code, unsigned 32 bits. */
  readonly code: number;
}

/** The receiver wants no more of the stream (RFC 9000, section 19.5). */
export function stopSendingFrame(options: StopSendingFrameOptions): Frame {
  const { streamId, code } = options;
  return { body: { $case: 'stopSending', value: { streamId, code } } };
}

export function checkStopSendingFrame(frame: StopSendingFrame): void {
  check62(frame.streamId, 'stream id');
  checkUint32(frame.code, 'stop code');
}

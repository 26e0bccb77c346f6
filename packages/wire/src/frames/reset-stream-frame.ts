import type { Frame, ResetStreamFrame } from '../gen/kwik/v1/data.js';
import { check62, checkUint32 } from './frame-rules.js';

export interface ResetStreamFrameOptions {
  readonly streamId: bigint;
  /** Application error code, unsigned 32 bits. */
  readonly code: number;
  /** Offset behind the last byte that was ever sent. */
  readonly finalSize: bigint;
}

/** The sender gives the stream up (RFC 9000, section 19.4). */
export function resetStreamFrame(options: ResetStreamFrameOptions): Frame {
  const { streamId, code, finalSize } = options;
  return { body: { $case: 'resetStream', value: { streamId, code, finalSize } } };
}

export function checkResetStreamFrame(frame: ResetStreamFrame): void {
  check62(frame.streamId, 'stream id');
  checkUint32(frame.code, 'reset code');
  check62(frame.finalSize, 'final size');
}

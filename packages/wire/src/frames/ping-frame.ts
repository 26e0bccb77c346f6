import type { Frame, PingFrame } from '../gen/kwik/v1/data.js';
import { check62 } from './frame-rules.js';

export interface PingFrameOptions {
  /** The sender's count; the reply carries the same. */
  readonly sequence: bigint;
  /** This frame answers a ping. */
  readonly reply?: boolean | undefined;
}

/** Asks the peer for a sign of life, or gives one. */
export function pingFrame(options: PingFrameOptions): Frame {
  return { body: { $case: 'ping', value: { sequence: options.sequence, reply: options.reply ?? false } } };
}

export function checkPingFrame(frame: PingFrame): void {
  check62(frame.sequence, 'sequence');
}

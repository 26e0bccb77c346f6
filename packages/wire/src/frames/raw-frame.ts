import type { Frame, RawFrame } from '../gen/kwik/v1/data.js';
import { check62 } from './frame-rules.js';

export interface RawFrameOptions {
  /** Bytes that the session does not read. Held, not copied. */
  readonly data: Uint8Array;
  readonly sequence: bigint;
  /** The path whose server sent it, as the client knows; 0 for the primary. */
  readonly fromPathId?: number;
}

/** A raw packet on its way to its destination (K9). */
export function rawFrame(options: RawFrameOptions): Frame {
  const { data, sequence, fromPathId } = options;
  return { body: { $case: 'raw', value: { data, sequence, fromPathId } } };
}

export function checkRawFrame(frame: RawFrame): void {
  check62(frame.sequence, 'sequence');
}

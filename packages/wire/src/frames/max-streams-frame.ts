import type { Frame, MaxStreamsFrame } from '../gen/kwik/v1/data.js';
import { MAX_STREAM_COUNT } from '../limits/wire-limits.js';
import { invalidFrame } from './frame-rules.js';

export interface MaxStreamsFrameOptions {
  readonly unidirectional: boolean;
  /** Streams of the kind that the peer may open in all, since the session began; at most 2^60. */
  readonly maxStreams: bigint;
}

/** Gives the peer credit to open streams (RFC 9000, section 19.11). */
export function maxStreamsFrame(options: MaxStreamsFrameOptions): Frame {
  const { unidirectional, maxStreams } = options;
  return { body: { $case: 'maxStreams', value: { unidirectional, maxStreams } } };
}

export function checkMaxStreamsFrame(frame: MaxStreamsFrame): void {
  const { maxStreams } = frame;
  if (maxStreams < 0n || maxStreams > MAX_STREAM_COUNT) {
    throw invalidFrame(`stream count ${maxStreams} is not from 0 to 2^60`);
  }
}

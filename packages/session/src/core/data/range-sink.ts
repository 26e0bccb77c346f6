import type { PathId, StreamId } from '@kwik/wire';

/** Where range data goes: the client's content receivers. */
export interface RangeSink {
  /** Bytes that a path sent into a stream as an answer to a range request. Returns how many were wanted. */
  handleRange(pathId: PathId, streamId: StreamId, offset: number, data: Uint8Array, now: number): number;
}

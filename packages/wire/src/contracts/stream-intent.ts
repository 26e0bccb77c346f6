import type { PathId } from '../ids/ids.js';

/**
 * How a stream wants to be carried. `bulk`: as much as all paths carry. `fast`: before all bulk, over the path with the
 * least delay. `reliable`: with copies on a second path, within a budget, so that a path that dies costs its reader no gap.
 */
export type StreamMode = 'bulk' | 'fast' | 'reliable';

export const STREAM_MODES: readonly StreamMode[] = ['bulk', 'fast', 'reliable'];

/** What a scheduler is told of the stream for which it is asked. */
export interface SendIntent {
  readonly mode: StreamMode;
  /** Paths on which bytes would arrive later than so many milliseconds from now are passed over while others are better. */
  readonly deadlineMs?: number;
  /** The path that the stream is to keep to while it is well. */
  readonly affinity?: PathId;
}

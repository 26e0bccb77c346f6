import type { PathId, StreamId } from '../ids/ids.js';
import type { SendIntent } from './stream-intent.js';

/** States of a path in which a scheduler may meet it; the others never reach a scheduler. */
export type SchedulablePathState = 'active' | 'degraded' | 'suspected';

/** One path as a scheduler sees it. Times in milliseconds, sizes in bytes, rates in bytes per second. */
export interface PathSnapshot {
  readonly id: PathId;
  readonly state: SchedulablePathState;
  readonly primary: boolean;
  /** Smoothed RTT, its variation and the lowest seen; 0 when not known yet. */
  readonly rttMs: number;
  readonly rttVarMs: number;
  readonly minRttMs: number;
  /** The window that holds: the smaller of QUIC's congestion window and KWIK's in-flight window. */
  readonly windowBytes: number;
  /** Sent and not acknowledged. */
  readonly inFlightBytes: number;
  /** Accepted by the path and not yet on the wire. */
  readonly queuedBytes: number;
  /** What the path can put on the wire about now. */
  readonly sendableBytes: number;
  readonly deliveryRateBytesPerSecond: number;
  /** Packets lost of packets sent, 0 to 1, over the recent past. */
  readonly lossRate: number;
  /** Set by whoever configures the path. Default: 1. */
  readonly weight: number;
  /** Largest piece of data that one datagram of this path carries. */
  readonly datagramBytes: number;
}

/** The stream whose turn it is. The answer is used for it, and for streams of the same intent and priority beside it. */
export interface ScheduleRequest {
  readonly streamId: StreamId;
  /** How the stream wants to be carried. A scheduler that does not look at it carries all streams alike. */
  readonly intent: SendIntent;
  /** Bytes that wait to be sent now, of all streams of this intent and priority. */
  readonly pendingBytes: number;
  /** 0 (most urgent) to 7. */
  readonly priority: number;
  readonly kind: 'data' | 'retransmission' | 'reinjection';
  /** Room left in the receiver's window, bytes; a slow path's data in it holds the others up. */
  readonly windowBytes: number;
  /** Paths on which these bytes have been sent already. */
  readonly exclude: readonly PathId[];
}

/**
 * Why a packet went where it went, for counting and explaining:
 *
 * | reason | meaning |
 * |---|---|
 * | only-path | a single path leads to the peer |
 * | default-path | what this end writes is not spread |
 * | first-arrival | the piece arrives first on this path |
 * | patience-over | a better path was waited for, and stayed busy for too long |
 * | wait-for-better | a busy path has all that waits there before this one has its piece: nothing was sent |
 * | all-busy | no path took anything: nothing was sent |
 * | last-resort | no path that works well took anything for too long |
 * | policy | by the scheduler's own rule, such as whose turn it is |
 * | copy | the same bytes as on another path, as the scheduler wants them |
 * | help | what another path has under way, on one that had nothing to do |
 */
export type DecisionReason =
  | 'only-path'
  | 'default-path'
  | 'first-arrival'
  | 'patience-over'
  | 'wait-for-better'
  | 'all-busy'
  | 'last-resort'
  | 'policy'
  | 'copy'
  | 'help';

export type Decision =
  /**
   * Send up to `maxBytes` on `pathId`, and the same bytes on each of `duplicates`. A duplicate for a path that is busy now
   * goes out, before anything else, on the first other path that takes something.
   */
  | {
      readonly kind: 'send';
      readonly pathId: PathId;
      readonly maxBytes: number;
      readonly duplicates: readonly PathId[];
      /** Default: `policy`. */
      readonly reason?: DecisionReason;
    }
  /**
   * Better to wait for a path that is busy now; ask again when one becomes sendable, at the latest at `untilMs`. Streams of
   * other intents are asked about meanwhile.
   */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly reason?: DecisionReason };

/**
 * Chooses the path of the next piece of data. Pure: the same request, paths, `now` and earlier calls give the same
 * decision; no clock, no randomness, no I/O. `paths` is never empty, and every path in it can take a datagram or has a
 * reason to be waited for.
 */
export interface Scheduler {
  readonly name: string;
  select(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number): Decision;
  /** Why a path that works gets nothing now, in words; undefined when it is used as others are. */
  explain?(pathId: PathId): string | undefined;
}

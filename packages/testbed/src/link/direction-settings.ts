/** Settings of one direction, complete and checked. Plain data: it crosses to a worker thread as it is. */
export interface DirectionSettings {
  /** Bits per second; Infinity for no limit. */
  readonly rateBitsPerSecond: number;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly jitterDistribution: JitterDistribution;
  /** Null: follows the rate, see `queueLimitBytes`. */
  readonly queueBytes: number | null;
  readonly lossRate: number;
  readonly burstLoss: BurstLoss | null;
  readonly reorderRate: number;
  readonly reorderDelayMs: number;
  readonly duplicateRate: number;
  readonly overheadBytes: number;
  readonly mtuBytes: number;
}

export type JitterDistribution = 'uniform' | 'normal' | 'exponential';

/**
 * Burst loss by two states (Gilbert 1960, Elliott 1963), one step per packet. The mean burst has 1 / `leaveRate`
 * packets; the share of packets inside bursts is `enterRate` / (`enterRate` + `leaveRate`).
 */
export interface BurstLoss {
  /** Chance per packet that a burst begins. */
  readonly enterRate: number;
  /** Chance per packet that a burst ends. */
  readonly leaveRate: number;
  /** Share lost inside a burst; default 1. */
  readonly lossInside?: number;
  /** Share lost outside; default 0. */
  readonly lossOutside?: number;
}

/** A queue of 50 ms is usual for an access link with some care against bufferbloat. */
const DEFAULT_QUEUE_MS = 50;
/** Room for a flight of some twenty full packets, however slow the link is. */
const LEAST_DEFAULT_QUEUE_BYTES = 32_768;

/** What the drop-tail queue holds at most, bytes with overhead. */
export function queueLimitBytes(settings: DirectionSettings): number {
  if (settings.queueBytes !== null) return settings.queueBytes;
  return Math.max(LEAST_DEFAULT_QUEUE_BYTES, (settings.rateBitsPerSecond * DEFAULT_QUEUE_MS) / 8000);
}

/** Milliseconds that `bytes` (overhead not yet counted) take at the rate. */
export function serializationMs(settings: DirectionSettings, bytes: number): number {
  return ((bytes + settings.overheadBytes) * 8000) / settings.rateBitsPerSecond;
}

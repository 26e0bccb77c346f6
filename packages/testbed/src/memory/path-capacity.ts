import { queueLimitBytes, type DirectionSettings } from '../link/direction-settings.js';

/** What capacity is computed from. */
export interface CapacityInput {
  /** The direction that the data takes, and the one of its acknowledgements. */
  readonly forward: DirectionSettings;
  readonly back: DirectionSettings;
  /** Connections that share the link. */
  readonly sharers: number;
  readonly datagramBytes: number;
}

/** What a connection may do, in bytes of its own packets. */
export interface PathCapacity {
  /** In flight at most. */
  readonly windowBytes: number;
  /** Pacing; Infinity for none. */
  readonly bytesPerMs: number;
  /** At once, after a pause. */
  readonly burstBytes: number;
}

/** RFC 9002, section 7.2: what a connection may always have in flight. */
const MIN_WINDOW_DATAGRAMS = 10;
/** For a link without a rate: 1 Gbit/s at 16 ms. */
const UNLIMITED_WINDOW_BYTES = 2 * 1024 * 1024;
/** 1 Gbit/s at 256 ms. */
const MAX_WINDOW_BYTES = 32 * 1024 * 1024;
/** An RTT of nothing at all would make a window of nothing. */
const LEAST_RTT_MS = 2;
/** Share of the queue that a window uses; the rest is for bursts. */
const QUEUE_SHARE = 0.7;
/** A little faster than the path, so that the window is used (RFC 9002, section 7.7); more would flood a short queue. */
const PACING_GAIN = 1.05;
const BURST_MS = 2;
const MIN_BURST_DATAGRAMS = 2;

/**
 * What a settled congestion controller with pacing would do: two bandwidth-delay products in flight, or what link and
 * queue hold without loss if that is less. It follows the link's settings at once; there is no slow start and no
 * reaction to loss.
 */
export function pathCapacity({ forward, back, sharers, datagramBytes }: CapacityInput): PathCapacity {
  const least = MIN_WINDOW_DATAGRAMS * datagramBytes;
  if (forward.rateBitsPerSecond === Infinity) {
    const windowBytes = Math.max(least, UNLIMITED_WINDOW_BYTES / sharers);
    return { windowBytes, bytesPerMs: Infinity, burstBytes: Infinity };
  }
  const payloadShare = datagramBytes / (datagramBytes + forward.overheadBytes);
  const bytesPerMs = ((forward.rateBitsPerSecond / 8000) * payloadShare) / sharers;
  const sendMs = datagramBytes / bytesPerMs;
  const rttMs = Math.max(LEAST_RTT_MS, forward.delayMs + back.delayMs + forward.jitterMs + back.jitterMs + sendMs);
  const product = bytesPerMs * rttMs;
  const held = product + (queueLimitBytes(forward) * QUEUE_SHARE * payloadShare) / sharers;
  return {
    windowBytes: Math.floor(Math.min(MAX_WINDOW_BYTES, Math.max(least, Math.min(2 * product, held)))),
    bytesPerMs: bytesPerMs * PACING_GAIN,
    burstBytes: Math.max(MIN_BURST_DATAGRAMS * datagramBytes, bytesPerMs * BURST_MS),
  };
}

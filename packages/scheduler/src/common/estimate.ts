import { KwikError, type PathSnapshot, type ScheduleRequest } from '@kwik/wire';

/** A path without a sample is taken for a middling one, so that it is neither flooded nor ignored. */
const UNKNOWN_RTT_MS = 100;
/** A piece takes a path about this long, so that a slow path never holds much hostage (design, section 4). */
const PIECE_TIME_MS = 5;
/** Above this, longer pieces save no work worth having. */
const MAX_PIECE_BYTES = 16 * 1024;
/** Of the same bytes, one after the other; more are too rare to change a choice. */
const MOST_LOSSES = 4;

/** Smoothed RTT, or an assumption. */
export function rttMs(path: PathSnapshot): number {
  return path.rttMs > 0 ? path.rttMs : UNKNOWN_RTT_MS;
}

/** Bytes per millisecond: as measured, else a window per round trip; never 0. */
export function ratePerMs(path: PathSnapshot): number {
  const measured = path.deliveryRateBytesPerSecond / 1000;
  return measured > 0 ? measured : Math.max(path.windowBytes, path.datagramBytes) / rttMs(path);
}

/** Bytes of the next piece on a path that is sendable: at most what waits, what fits, and about 5 ms of the path. */
export function pieceBytes(path: PathSnapshot, request: ScheduleRequest): number {
  const budget = Math.max(path.datagramBytes, Math.min(Math.floor(ratePerMs(path) * PIECE_TIME_MS), MAX_PIECE_BYTES));
  return Math.max(1, Math.min(path.sendableBytes, request.pendingBytes, budget));
}

/** Milliseconds until the path can take a datagram, if it goes on as it does; 0 when it can now. */
export function readyInMs(path: PathSnapshot, rate: number = ratePerMs(path)): number {
  const missing = path.datagramBytes - path.sendableBytes;
  return missing <= 0 ? 0 : (path.queuedBytes + missing) / rate;
}

/**
 * Milliseconds from now until the last of `bytes` arrives, if the path takes nothing else from the moment it can: at
 * `rate` (bytes per millisecond) now, and all of them within `drainMs`, unless it is constant. What is lost takes a round
 * trip more; its share is added.
 */
export function arrivalMs(
  path: PathSnapshot,
  bytes: number,
  rate: number = ratePerMs(path),
  drainMs: number = bytes / rate,
): number {
  const startMs = Math.max(path.queuedBytes / rate, readyInMs(path, rate));
  return startMs + drainMs + forwardMs(path, rate) + rttMs(path) * lossProbability(path, bytes);
}

/**
 * Milliseconds by which `bytes` that would be there in `arrivalMs` if nothing of them were lost are to be expected after
 * `limitMs` because something is. Each loss, of a repair too, takes a round trip.
 */
export function delayByLossMs(path: PathSnapshot, bytes: number, arrivalMs: number, limitMs: number): number {
  if (path.lossRate <= 0) return 0;
  const rate = Math.min(path.lossRate, 1);
  const datagrams = Math.ceil(bytes / path.datagramBytes);
  let delayMs = 0;
  let beforeMs = Math.max(0, arrivalMs - limitMs);
  for (let losses = 1; losses <= MOST_LOSSES; losses++) {
    const afterMs = Math.max(0, arrivalMs + losses * rttMs(path) - limitMs);
    delayMs += (afterMs - beforeMs) * (1 - (1 - rate ** losses) ** datagrams);
    beforeMs = afterMs;
  }
  return delayMs;
}

/** The path with the lowest score; of equals the one with the lower id, so that the order of `paths` means nothing. */
export function lowest(paths: readonly PathSnapshot[], score: (path: PathSnapshot) => number): PathSnapshot {
  let best = paths[0];
  if (best === undefined) throw new KwikError('ERR_KWIK_INTERNAL', 'nothing to choose from');
  let bestScore = score(best);
  for (const path of paths) {
    const value = score(path);
    if (value < bestScore || (value === bestScore && path.id < best.id)) {
      best = path;
      bestScore = value;
    }
  }
  return best;
}

/**
 * Milliseconds from the wire to the peer. What the smoothed RTT has above the lowest one is queue, and stands in the way
 * of our data; so do bytes in flight that neither explains: a burst of which no acknowledgement has told yet.
 */
function forwardMs(path: PathSnapshot, rate: number): number {
  const rtt = rttMs(path);
  const emptyMs = path.minRttMs > 0 ? Math.min(path.minRttMs, rtt) : rtt;
  const burstMs = Math.max(0, path.inFlightBytes / rate - rtt);
  return rtt - emptyMs / 2 + burstMs;
}

/** That at least one of the datagrams that carry `bytes` is lost; the piece is there when its last datagram is. */
function lossProbability(path: PathSnapshot, bytes: number): number {
  if (path.lossRate <= 0) return 0;
  return 1 - (1 - Math.min(path.lossRate, 1)) ** Math.ceil(bytes / path.datagramBytes);
}

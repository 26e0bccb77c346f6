import { KwikError, type PathSnapshot, type ScheduleRequest } from '@kwik/wire';

/** A path without a sample is taken for a middling one, so that it is neither flooded nor ignored. */
export const UNKNOWN_RTT_MS = 100;
/** A piece takes a path about this long, so that a slow path never holds much hostage (design, section 4). */
export const PIECE_TIME_MS = 5;
/** Above this, longer pieces save no work worth having. */
export const MAX_PIECE_BYTES = 16 * 1024;

/** Smoothed RTT, or an assumption. */
export function rttMs(path: PathSnapshot): number {
  return path.rttMs > 0 ? path.rttMs : UNKNOWN_RTT_MS;
}

/** Bytes per millisecond: as measured, else a window per round trip; never 0. */
export function ratePerMs(path: PathSnapshot): number {
  const measured = path.deliveryRateBps / 1000;
  return measured > 0 ? measured : Math.max(path.windowBytes, path.datagramBytes) / rttMs(path);
}

/** Bytes of the next piece on a path that is sendable: at most what waits, what fits, and about 5 ms of the path. */
export function pieceBytes(path: PathSnapshot, request: ScheduleRequest): number {
  const budget = Math.max(path.datagramBytes, Math.min(Math.floor(ratePerMs(path) * PIECE_TIME_MS), MAX_PIECE_BYTES));
  return Math.max(1, Math.min(path.sendableBytes, request.pendingBytes, budget));
}

/** Milliseconds until the path can take a datagram, if it goes on as it does; 0 when it can now. */
export function readyInMs(path: PathSnapshot): number {
  const missing = path.datagramBytes - path.sendableBytes;
  return missing <= 0 ? 0 : (path.queuedBytes + missing) / ratePerMs(path);
}

/** Milliseconds from now until the last of `bytes` arrives, if the path takes nothing else from the moment it can. */
export function arrivalMs(path: PathSnapshot, bytes: number): number {
  const startMs = Math.max(path.queuedBytes / ratePerMs(path), readyInMs(path));
  return startMs + bytes / ratePerMs(path) + forwardMs(path) + lossMs(path, bytes);
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
function forwardMs(path: PathSnapshot): number {
  const rtt = rttMs(path);
  const emptyMs = path.minRttMs > 0 ? Math.min(path.minRttMs, rtt) : rtt;
  const burstMs = Math.max(0, path.inFlightBytes / ratePerMs(path) - rtt);
  return rtt - emptyMs / 2 + burstMs;
}

/** A piece is there when its last datagram is, and a lost one takes a round trip more. */
function lossMs(path: PathSnapshot, bytes: number): number {
  if (path.lossRate <= 0) return 0;
  const datagrams = Math.ceil(bytes / path.datagramBytes);
  return rttMs(path) * (1 - (1 - Math.min(path.lossRate, 1)) ** datagrams);
}

/** Two round trips and computing, several times over. */
const RTTS = 5;
const MARGIN_MS = 400;

/**
 * How long one attempt to connect a lost path may take, milliseconds. QUIC repeats its first packet after 1, 2 and 4 s, so that
 * an attempt that began in an outage may notice the end of it seconds late; where the round trip is known, a new attempt
 * begins sooner. The path may have become longer: each attempt (`tries` from 1) gets more time, up to `longestMs`.
 */
export function attemptTimeoutMs(rttMs: number, tries: number, longestMs: number): number {
  if (!(rttMs > 0)) return longestMs;
  // Whole milliseconds: a message to the client may carry it.
  return Math.min(longestMs, Math.ceil(Math.max(1, tries) * (MARGIN_MS + RTTS * rttMs)));
}

/** A piece takes a path about this long: short enough that a slow path never holds much hostage (design, section 4). */
export const FRAME_TIME_MS = 5;
/** Above this, longer frames save no work worth having, and cost copies. */
export const MAX_FRAME_BYTES = 16 * 1024;

/**
 * Bytes of payload for the next frame on a path: about 5 ms of its rate, but at least what one datagram carries and at
 * most 16 kB (or one datagram, where that is larger).
 *
 * @param rateBytesPerSecond 0 when not known: one datagram
 */
export function frameBudgetBytes(rateBytesPerSecond: number, datagramBytes: number): number {
  const wanted = Math.floor((rateBytesPerSecond * FRAME_TIME_MS) / 1000);
  return Math.max(datagramBytes, Math.min(wanted, MAX_FRAME_BYTES));
}

import type { TransportOptions } from '@kwik/quic';
import type { TransportTuning } from './api/options.js';

/**
 * KWIK reads every QUIC stream at once into buffers that its own flow control bounds, so QUIC's windows must only not be
 * what limits a path: 32 MiB is 100 Mbit/s at 2.6 s. quiche renews a window of any size as one of 32 kB, which then doubles
 * with each renewal: where the first one ends, a path stands still for some round trips. So it is large, and a single
 * stream may have all of the connection's.
 */
const QUIC_WINDOW_BYTES = 32 * 1024 * 1024;

export function transportOptions(
  { io: _ofTheSocket, ...tuning }: TransportTuning = {},
  idleTimeoutMs: number,
): TransportOptions {
  return { streamWindowBytes: QUIC_WINDOW_BYTES, connectionWindowBytes: QUIC_WINDOW_BYTES, idleTimeoutMs, ...tuning };
}

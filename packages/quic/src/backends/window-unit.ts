import { ETHERNET_IPV4_BYTES } from '../packets/datagram-bytes.js';
import type { BackendTransport } from './backend.js';

/**
 * RFC 9002, section 7.2, recommends ten datagrams for what leaves in a burst; paced over the round trip of the handshake 30 are
 * harmless, and large servers begin with as many. Only with BBR: quiche knows one number for the first and the smallest
 * window, which the other controllers return to after each loss.
 */
const PACED_FACTOR = 3;

export type WindowSettings = Pick<BackendTransport, 'congestionControl' | 'datagramBytes' | 'firstWindowBytes'>;

/** Of quiche's first window. */
export const FIRST_WINDOW_UNITS = 10;

/** What quiche 0.18 takes ten of for its first window. It writes no longer datagram. */
export function windowUnitBytes({ congestionControl, datagramBytes, firstWindowBytes = 0 }: WindowSettings): number {
  const factor = congestionControl === 'bbr' ? PACED_FACTOR : 1;
  const ordinary = Math.max(datagramBytes, factor * Math.min(datagramBytes, ETHERNET_IPV4_BYTES));
  return Math.max(ordinary, Math.floor(firstWindowBytes / FIRST_WINDOW_UNITS));
}

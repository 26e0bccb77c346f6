import { FIRST_WINDOW_UNITS, type WindowSettings, windowUnitBytes } from '../backends/window-unit.js';
import { ETHERNET_IPV4_BYTES } from '../packets/datagram-bytes.js';

/**
 * How fast a connection begins whose datagrams may be long. quiche's first window is ten of the longest: several times what
 * an ordinary path is to get in its first round trip, and a loopback or jumbo link may lead into such a path, by a relay or a
 * tunnel. So the window that pacing reckons with begins as an ordinary one, and doubles each round trip until it is quiche's.
 */
export class StartWindow {
  private readonly bytes: number;

  constructor({ congestionControl, datagramBytes }: WindowSettings) {
    const common = Math.min(datagramBytes, ETHERNET_IPV4_BYTES);
    this.bytes = datagramBytes === common ? Infinity : firstWindowBytes({ congestionControl, datagramBytes: common });
  }

  /** Of the backend's window, what pacing is to reckon with, `elapsedMs` after the handshake. */
  paced(cwndBytes: number, elapsedMs: number, rttMs: number): number {
    return Math.min(cwndBytes, this.bytes * 2 ** (elapsedMs / rttMs));
  }
}

/** With which a connection begins that knows nothing of its path. */
export function firstWindowBytes({ congestionControl, datagramBytes }: WindowSettings): number {
  return FIRST_WINDOW_UNITS * windowUnitBytes({ congestionControl, datagramBytes });
}

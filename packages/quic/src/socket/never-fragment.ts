import type { SystemCalls } from './system-calls.js';

const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
/** IP_PMTUDISC_PROBE, and IPV6_PMTUDISC_PROBE. */
const PROBE = Uint8Array.of(3, 0, 0, 0);

/**
 * No datagram of this socket is cut into fragments, here or on the way (RFC 9000, section 14; the DF bit of IPv4), and what
 * routers say of the path does not hold back one that is to find out what it carries (RFC 8899). One that is longer than the
 * interface takes is not sent: EMSGSIZE. By itself Linux would send it in fragments, which arrive, once a router has said
 * that it does not fit: the path would seem to carry it.
 */
export function neverFragment(calls: SystemCalls, fd: number, isIPv6Socket: boolean): void {
  // A socket of IPv6 may send by IPv4 as well, to mapped addresses. Kernels that know no such option cannot help it.
  calls.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, PROBE, PROBE.length);
  if (isIPv6Socket) calls.setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PROBE, PROBE.length);
}

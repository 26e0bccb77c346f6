import { isIPv6 } from 'node:net';
import { addressBytes, AF_INET, AF_INET6, MAX_ADDRESS_BYTES, type SocketAddresses } from './socket-address.js';
import type { SystemCalls } from './system-calls.js';

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IP_MTU = 14;
const IPPROTO_IPV6 = 41;
const IPV6_MTU = 24;
/** IP header without options, and UDP's of 8 bytes. */
const IPV4_OVERHEAD_BYTES = 28;
const IPV6_OVERHEAD_BYTES = 48;
/** Nothing is sent there: connecting chooses the route, and a port is needed for it. */
const ANY_PORT = 9;
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];
const MAPPED = /^::ffff:(?=\d+\.)/u;

/**
 * Payload of the largest UDP datagram that fits the MTU of the route from `local` to `remote`, numeric addresses both. Linux
 * tells the MTU of the first link, or what routers on the way have said since. Undefined when there is no route.
 */
export function routeDatagramBytes(
  calls: SystemCalls,
  addresses: SocketAddresses,
  local: string,
  remote: string,
): number | undefined {
  const to = remote.replace(MAPPED, '');
  const isSix = isIPv6(to);
  const fd = calls.socket(isSix ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const name = new Uint8Array(MAX_ADDRESS_BYTES);
    const from = local.replace(MAPPED, '');
    if (isIPv6(from) === isSix && !WILDCARDS.includes(from)) {
      addresses.encode(from, 0, name);
      if (calls.bind(fd, name, addressBytes(isSix)) < 0) return undefined;
    }
    addresses.encode(to, ANY_PORT, name);
    if (calls.connect(fd, name, addressBytes(isSix)) < 0) return undefined;
    const mtu = new Int32Array(1);
    const level = isSix ? IPPROTO_IPV6 : IPPROTO_IP;
    const value = new Uint8Array(mtu.buffer);
    if (calls.getsockopt(fd, level, isSix ? IPV6_MTU : IP_MTU, value, Uint8Array.of(4, 0, 0, 0)) < 0) return undefined;
    return (mtu[0] ?? 0) - (isSix ? IPV6_OVERHEAD_BYTES : IPV4_OVERHEAD_BYTES);
  } finally {
    calls.close(fd);
  }
}

import { isIPv6 } from 'node:net';
import { withoutZone } from '../socket/zone.js';

const IPV4_MAPPED = '::ffff:';
/** One customer of a provider has a /64 at least (RFC 6177), and sends from any address of it. */
const PREFIX_GROUPS = 4;
const GROUPS = 8;

/** Who an address counts as where bounds and shares are for one source: IPv4 as it is, also within IPv6; of IPv6 the first 64 bits. */
export function sourceOf(address: string): string {
  const plain = withoutZone(address);
  if (!isIPv6(plain)) return plain;
  const lower = plain.toLowerCase();
  if (lower.startsWith(IPV4_MAPPED) && lower.includes('.')) return lower.slice(IPV4_MAPPED.length);
  if (lower === '::1') return lower;
  return `${groupsOf(lower).slice(0, PREFIX_GROUPS).join(':')}::/64`;
}

/** Who somebody at this address is, as long as nobody knows better: the `peer` of `PathTransport.acceptPeer`. */
export function peerAt(address: string): string {
  return `at ${sourceOf(address)}`;
}

/** This machine itself. Other addresses of 127.0.0.0/8 count as others do. */
export function isOwnMachine(source: string): boolean {
  return source === '127.0.0.1' || source === '::1';
}

function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const missing = address.includes('::') ? Math.max(0, GROUPS - left.length - right.length) : 0;
  const all = [...left, ...Array<string>(missing).fill('0'), ...right];
  return all.map((group) => group.replace(/^0+(?=.)/u, ''));
}

import { isIPv4, isIPv6 } from 'node:net';

/** How far an address reaches. `unusable`: nothing that a connection could be opened to. */
export type AddressScope = 'public' | 'private' | 'link-local' | 'loopback' | 'unusable';

/** First address, length of the prefix, scope; the first that fits counts, and what fits none is public. */
type Block = readonly [prefix: string, bits: number, scope: AddressScope];

/** The registries of special-purpose addresses of IANA (RFC 6890), as far as they are no places in the Internet. */
const IPV4_BLOCKS: readonly Block[] = [
  ['0.0.0.0', 8, 'unusable'], // this network, unspecified
  ['10.0.0.0', 8, 'private'], // RFC 1918
  ['100.64.0.0', 10, 'private'], // RFC 6598: behind a carrier's translator
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'], // RFC 3927; clouds answer for their machines here
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'unusable'], // protocol assignments
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'private'], // RFC 2544: between devices under test
  ['224.0.0.0', 4, 'unusable'], // multicast
  ['240.0.0.0', 4, 'unusable'], // reserved, and the broadcast address
];

const IPV6_BLOCKS: readonly Block[] = [
  ['::', 128, 'unusable'],
  ['::1', 128, 'loopback'],
  ['64:ff9b:1::', 48, 'private'], // RFC 8215: translation within a network
  ['100::', 64, 'unusable'], // RFC 6666: discarded
  ['2001::', 32, 'unusable'], // Teredo: a tunnel to an IPv4 address that it hides
  ['fc00::', 7, 'private'], // RFC 4193
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'private'], // RFC 3879: site-local
  ['ff00::', 8, 'unusable'], // multicast
];

/** IPv6 addresses that mean an IPv4 address, and the group of 16 bits at which it begins. */
const EMBEDDED: readonly (readonly [prefix: string, bits: number, group: number])[] = [
  ['::ffff:0:0', 96, 6], // RFC 4291: mapped
  ['::ffff:0:0:0', 96, 6], // RFC 2765: translated
  ['64:ff9b::', 96, 6], // RFC 6052: NAT64
  ['2002::', 16, 1], // RFC 3056: 6to4
  ['::', 96, 6], // RFC 4291: compatible
];

/** Of a numeric address, with or without a zone. A name, as virtual networks have them, is public. */
export function scopeOf(address: string): AddressScope {
  const bare = address.replace(/%.*$/, '');
  if (isIPv4(bare)) return scopeIn(IPV4_BLOCKS, ipv4Groups(bare));
  if (!isIPv6(bare)) return 'public';
  const groups = ipv6Groups(bare);
  const native = IPV6_BLOCKS.find(([prefix, bits]) => within(groups, ipv6Groups(prefix), bits));
  if (native !== undefined) return native[2];
  const embedded = EMBEDDED.find(([prefix, bits]) => within(groups, ipv6Groups(prefix), bits));
  return embedded === undefined ? 'public' : scopeIn(IPV4_BLOCKS, groups.slice(embedded[2], embedded[2] + 2));
}

function scopeIn(blocks: readonly Block[], groups: readonly number[]): AddressScope {
  return blocks.find(([prefix, bits]) => within(groups, ipv4Groups(prefix), bits))?.[2] ?? 'public';
}

/** Whether the first `bits` of two addresses, in groups of 16 bits, are the same. */
function within(groups: readonly number[], prefix: readonly number[], bits: number): boolean {
  return groups.every((group, index) => {
    const unused = Math.min(16, Math.max(0, 16 * (index + 1) - bits));
    return group >>> unused === prefix[index]! >>> unused;
  });
}

function ipv4Groups(address: string): number[] {
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}

/** Eight groups of a valid address. */
function ipv6Groups(address: string): number[] {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const [high, low] = dotted === null ? [0, 0] : (ipv4Groups(dotted[2]!) as [number, number]);
  const text = dotted === null ? address : `${dotted[1]}${high.toString(16)}:${low.toString(16)}`;
  const [head = '', tail] = text.split('::');
  const first = groupsOf(head);
  if (tail === undefined) return first;
  const last = groupsOf(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
}

import { isIPv6, SocketAddress } from 'node:net';
import type { DatagramSource } from './datagram-socket.js';
import { interfacesHere } from './interfaces.js';
import { isLinkLocal, withoutZone, zoneOf } from './zone.js';

export const AF_INET = 2;
export const AF_INET6 = 10;
/** `sockaddr_in6`; `sockaddr_in` takes 16 of it. */
export const MAX_ADDRESS_BYTES = 28;
const IPV4_BYTES = 16;
const PORT_AT = 2;
const IPV4_AT = 4;
const IPV6_AT = 8;
const SCOPE_AT = 24;
const GROUPS = 8;
/** Addresses that are remembered in either form. A server has more peers only under a flood. */
const MAX_KNOWN = 8_192;

/** Bytes of an address of this family. */
export function addressBytes(isIPv6Socket: boolean): number {
  return isIPv6Socket ? MAX_ADDRESS_BYTES : IPV4_BYTES;
}

/** Numeric addresses as Linux has them in memory (`sockaddr_in`, `sockaddr_in6`), and back. Remembers those of late. */
export class SocketAddresses {
  private readonly encoded = new Map<string, Uint8Array>();
  private readonly decodedIPv4 = new Map<number, DatagramSource>();
  private readonly decodedIPv6 = new Map<string, DatagramSource>();

  /** `local`: what sources say that they sent to. */
  constructor(private readonly local?: string) {}

  /** `out` gets `addressBytes` bytes. */
  encode(address: string, port: number, out: Uint8Array): void {
    let bytes = this.encoded.get(address);
    if (bytes === undefined) {
      bytes = isIPv6(address) ? encodeIPv6(address) : encodeIPv4(address);
      remember(this.encoded, address, bytes);
    }
    out.set(bytes);
    out[PORT_AT] = port >> 8;
    out[PORT_AT + 1] = port & 0xff;
  }

  /** `words`: those of a `sockaddr` at `at`. */
  decode(words: Uint32Array, at: number): DatagramSource {
    const first = words[at] ?? 0;
    return (first & 0xffff) === AF_INET ? this.decodeIPv4(first, words[at + 1] ?? 0) : this.decodeIPv6(words, at);
  }

  private decodeIPv4(first: number, address: number): DatagramSource {
    const key = address * 0x10000 + (first >>> 16);
    let source = this.decodedIPv4.get(key);
    if (source === undefined) {
      const bytes = [address & 0xff, (address >> 8) & 0xff, (address >> 16) & 0xff, address >>> 24];
      source = this.source(bytes.join('.'), portOf(first));
      remember(this.decodedIPv4, key, source);
    }
    return source;
  }

  private decodeIPv6(words: Uint32Array, at: number): DatagramSource {
    const parts = words.subarray(at + IPV6_AT / 4, at + MAX_ADDRESS_BYTES / 4);
    const key = `${(words[at] ?? 0) >>> 16} ${parts.join(' ')}`;
    let source = this.decodedIPv6.get(key);
    if (source === undefined) {
      source = this.source(textOf(parts), portOf(words[at] ?? 0));
      remember(this.decodedIPv6, key, source);
    }
    return source;
  }

  private source(address: string, port: number): DatagramSource {
    return this.local === undefined ? { address, port } : { address, port, local: this.local };
  }
}

function remember<K, V>(known: Map<K, V>, key: K, value: V): void {
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, value);
}

/** In network order, in the upper half of the first word. */
function portOf(first: number): number {
  return ((first >>> 8) & 0xff00) | (first >>> 24);
}

function encodeIPv4(address: string): Uint8Array {
  const bytes = new Uint8Array(IPV4_BYTES);
  bytes[0] = AF_INET;
  bytes.set(address.split('.').map(Number), IPV4_AT);
  return bytes;
}

function encodeIPv6(address: string): Uint8Array {
  const bytes = new Uint8Array(MAX_ADDRESS_BYTES);
  bytes[0] = AF_INET6;
  for (const [index, group] of groupsOf(withoutZone(address)).entries()) {
    bytes[IPV6_AT + 2 * index] = group >> 8;
    bytes[IPV6_AT + 2 * index + 1] = group & 0xff;
  }
  new DataView(bytes.buffer).setUint32(SCOPE_AT, scopeOf(address), true);
  return bytes;
}

function groupsOf(address: string): number[] {
  const [head = '', tail] = withoutDots(address).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(GROUPS - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => parseInt(group, 16));
}

/** `::ffff:1.2.3.4` as `::ffff:102:304`. */
function withoutDots(address: string): string {
  const colon = address.lastIndexOf(':') + 1;
  const dotted = address.slice(colon).split('.').map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = dotted;
  if (dotted.length !== 4) return address;
  return `${address.slice(0, colon)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** The number of the interface that the zone names; 0 for none. */
function scopeOf(address: string): number {
  const zone = zoneOf(address);
  if (zone === undefined) return 0;
  if (/^\d+$/.test(zone)) return Number(zone);
  const entries = interfacesHere()[zone] ?? [];
  for (const entry of entries) if (entry.family === 'IPv6' && entry.scopeid !== 0) return entry.scopeid;
  return 0;
}

/** As `node:dgram` spells it. */
function textOf(parts: Uint32Array): string {
  const groups: string[] = [];
  for (const word of parts.subarray(0, 4)) {
    groups.push((((word & 0xff) << 8) | ((word >> 8) & 0xff)).toString(16));
    groups.push((((word >>> 8) & 0xff00) | (word >>> 24)).toString(16));
  }
  const plain = new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
  const scope = parts[4] ?? 0;
  return scope === 0 || !isLinkLocal(plain) ? plain : `${plain}%${interfaceOf(scope)}`;
}

function interfaceOf(scope: number): string {
  for (const [name, entries] of Object.entries(interfacesHere())) {
    if (entries?.some((entry) => entry.family === 'IPv6' && entry.scopeid === scope) === true) return name;
  }
  return String(scope);
}

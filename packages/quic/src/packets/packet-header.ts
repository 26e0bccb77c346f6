/** Long headers (RFC 8999, section 5.1; RFC 9000, section 17.2), as far as a demultiplexer must read them. */
export interface LongHeader {
  readonly version: number;
  /** Two bits of RFC 9000, section 17.2: what version 1 makes of the packet. */
  readonly type: 'initial' | '0rtt' | 'handshake' | 'retry';
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
  /** Of an Initial packet of version 1; empty when there is none. */
  readonly token: Uint8Array;
  /** Bytes up to the end of this packet within its datagram, when the Length field could be read. */
  readonly packetBytes: number | undefined;
}

const LONG_FORM = 0x80;
const FIXED_BIT = 0x40;
const RETRY_TYPE = 0x30;
/** RFC 9000, section 17.2: longer connection ids than this do not exist in version 1. */
const MAX_ID_BYTES_V1 = 20;
const TYPES = ['initial', '0rtt', 'handshake', 'retry'] as const;
/** There are four kinds of packet that can share a datagram; more than a few only come from an attacker. */
const MAX_COALESCED = 6;
const NOTHING = new Uint8Array(0);

export function isLongHeader(datagram: Uint8Array): boolean {
  return ((datagram[0] ?? 0) & LONG_FORM) !== 0;
}

/** False for what cannot be QUIC version 1 (RFC 9000, section 17: the fixed bit is always set). */
export function hasFixedBit(datagram: Uint8Array): boolean {
  return ((datagram[0] ?? 0) & FIXED_BIT) !== 0;
}

/** Whether a long header is that of a Retry or Version Negotiation packet (RFC 9000, section 17.2). */
export function restartsHandshake(datagram: Uint8Array): boolean {
  const isNegotiation = readUint32(datagram, 1) === 0;
  return isNegotiation || ((datagram[0] ?? 0) & RETRY_TYPE) === RETRY_TYPE;
}

/** `undefined` for what is cut short or breaks the version-independent rules. Ids and token are views. */
export function parseLongHeader(datagram: Uint8Array): LongHeader | undefined {
  if (datagram.length < 7 || !isLongHeader(datagram)) return undefined;
  const first = datagram[0] ?? 0;
  const version = readUint32(datagram, 1);
  const destinationId = readId(datagram, 5);
  if (destinationId === undefined) return undefined;
  const sourceId = readId(datagram, 6 + destinationId.length);
  if (sourceId === undefined) return undefined;
  if (version === 1 && Math.max(destinationId.length, sourceId.length) > MAX_ID_BYTES_V1) return undefined;
  const type = TYPES[(first >> 4) & 3] ?? 'initial';
  let position = 7 + destinationId.length + sourceId.length;
  let token: Uint8Array = NOTHING;
  if (type === 'initial') {
    const length = readVarint(datagram, position);
    if (length === undefined || length.next + length.value > datagram.length) return undefined;
    token = datagram.subarray(length.next, length.next + length.value);
    position = length.next + length.value;
  }
  const rest = type === 'retry' ? undefined : readVarint(datagram, position);
  const packetBytes = rest === undefined ? undefined : rest.next + rest.value;
  return { version, type, destinationId, sourceId, token, packetBytes };
}

/**
 * The packets of a datagram, as views (RFC 9000, section 12.2): long-header packets say where they end; padding behind
 * them is left out. quiche drops the rest of a datagram with the first packet that it has no keys for, so it gets them
 * one by one.
 */
export function splitPackets(datagram: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let rest = datagram;
  while (rest.length > 0 && packets.length < MAX_COALESCED) {
    const bytes = isLongHeader(rest) ? parseLongHeader(rest)?.packetBytes : undefined;
    if (bytes === undefined || bytes >= rest.length) {
      if (hasFixedBit(rest)) packets.push(rest);
      break;
    }
    packets.push(rest.subarray(0, bytes));
    rest = rest.subarray(bytes);
  }
  return packets;
}

/**
 * A datagram up to its first long-header packet that goes to another connection id than `id`, that of its first packet: a
 * receiver ignores such packets (RFC 9000, section 12.2). Keys alone do not keep them out: a copied 0-RTT packet opens for
 * whoever says the ClientHello of its connection once more, whatever id that goes to.
 */
export function ofOneId(datagram: Uint8Array, id: Uint8Array): Uint8Array {
  let end = 0;
  for (let packets = 0; packets < MAX_COALESCED && end < datagram.length; packets += 1) {
    const rest = datagram.subarray(end);
    if (!isLongHeader(rest)) return datagram;
    const header = parseLongHeader(rest);
    if (header === undefined || Buffer.compare(header.destinationId, id) !== 0) break;
    end += header.packetBytes ?? rest.length;
  }
  return end < datagram.length ? datagram.subarray(0, end) : datagram;
}

function readId(datagram: Uint8Array, position: number): Uint8Array | undefined {
  const length = datagram[position];
  if (length === undefined || position + 1 + length > datagram.length) return undefined;
  return datagram.subarray(position + 1, position + 1 + length);
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return high * 0x1_0000 + low;
}

/** RFC 9000, section 16. Values past 2^32 cannot fit a datagram and read as "too long". */
function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const length = 1 << (first >> 6);
  if (at + length > bytes.length) return undefined;
  let value = first & 0x3f;
  for (let i = 1; i < length; i += 1) value = value * 256 + (bytes[at + i] ?? 0);
  return { value, next: at + length };
}

import { headerMask, open, seal, type PacketKeys } from './packet-keys.js';
import { ByteCursor, encodeVarint } from './varint.js';

const NUMBER_BYTES = 4;
const TAG_BYTES = 16;
const SAMPLE_BYTES = 16;
const VERSION = Buffer.from([0, 0, 0, 1]);

export type Level = 'initial' | 'handshake' | 'application';

export interface LongHeader {
  readonly level: 'initial' | 'handshake';
  readonly destinationId: Buffer;
  readonly sourceId: Buffer;
  readonly token: Buffer;
}

/** A packet with a long header; `padTo`: at least so many bytes. */
export function buildLong(keys: PacketKeys, number: bigint, header: LongHeader, frames: Buffer, padTo = 0): Buffer {
  const type = header.level === 'initial' ? 0 : 2;
  const start = Buffer.concat([
    Buffer.from([0xc0 | (type << 4) | (NUMBER_BYTES - 1)]),
    VERSION,
    withLength(header.destinationId),
    withLength(header.sourceId),
    ...(header.level === 'initial' ? [encodeVarint(header.token.length), header.token] : []),
  ]);
  const overhead = start.length + 2 + NUMBER_BYTES + TAG_BYTES;
  const payload = padded(frames, Math.max(padTo - overhead, NUMBER_BYTES));
  const length = Buffer.alloc(2);
  length.writeUInt16BE((NUMBER_BYTES + payload.length + TAG_BYTES) | 0x40_00);
  return protect(keys, number, Buffer.concat([start, length, numberBytes(number)]), payload, 0x0f);
}

/** A packet with a short header. */
export function buildShort(keys: PacketKeys, number: bigint, destinationId: Buffer, frames: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from([0x40 | (NUMBER_BYTES - 1)]), destinationId, numberBytes(number)]);
  return protect(keys, number, header, padded(frames, NUMBER_BYTES), 0x1f);
}

export type ReceivedPacket =
  | { readonly kind: 'retry'; readonly token: Buffer; readonly sourceId: Buffer }
  | {
      readonly kind: 'sealed';
      readonly level: Level;
      readonly numberAt: number;
      readonly end: number;
      readonly sourceId: Buffer;
    }
  | { readonly kind: 'ignored' };

/** What the first packet of a datagram is, as far as it is in the clear. */
export function inspect(datagram: Buffer, ownIdBytes: number): ReceivedPacket {
  const first = datagram[0] ?? 0;
  if ((first & 0x80) === 0) {
    const sourceId = Buffer.alloc(0);
    return { kind: 'sealed', level: 'application', numberAt: 1 + ownIdBytes, end: datagram.length, sourceId };
  }
  if (datagram.readUInt32BE(1) === 0) return { kind: 'ignored' };
  const cursor = new ByteCursor(datagram);
  cursor.position = 5;
  cursor.take(cursor.take(1)[0] ?? 0);
  const sourceId = Buffer.from(cursor.take(cursor.take(1)[0] ?? 0));
  const type = (first >> 4) & 3;
  if (type === 3) {
    const token = Buffer.from(datagram.subarray(cursor.position, datagram.length - TAG_BYTES));
    return { kind: 'retry', token, sourceId };
  }
  if (type === 0) cursor.take(cursor.number());
  const length = cursor.number();
  const level = type === 0 ? 'initial' : 'handshake';
  return { kind: 'sealed', level, numberAt: cursor.position, end: cursor.position + length, sourceId };
}

/** Number and payload of a sealed packet; `undefined` when it is not of this key. */
export function unprotect(
  keys: PacketKeys,
  datagram: Buffer,
  packet: { readonly numberAt: number; readonly end: number },
  largest: bigint,
): { readonly number: bigint; readonly payload: Buffer } | undefined {
  const { numberAt, end } = packet;
  const mask = headerMask(keys, datagram.subarray(numberAt + NUMBER_BYTES, numberAt + NUMBER_BYTES + SAMPLE_BYTES));
  const header = Buffer.from(datagram.subarray(0, numberAt + NUMBER_BYTES));
  header[0] = header[0]! ^ (mask[0]! & ((header[0]! & 0x80) === 0 ? 0x1f : 0x0f));
  const length = (header[0] & 3) + 1;
  let truncated = 0n;
  for (let index = 0; index < length; index++) {
    const byte = header[numberAt + index]! ^ mask[1 + index]!;
    header[numberAt + index] = byte;
    truncated = (truncated << 8n) | BigInt(byte);
  }
  const number = expandNumber(largest, truncated, BigInt(8 * length));
  try {
    const sealed = datagram.subarray(numberAt + length, end);
    return { number, payload: open(keys, number, header.subarray(0, numberAt + length), sealed) };
  } catch {
    return undefined;
  }
}

/** RFC 9000, appendix A.3. */
function expandNumber(largest: bigint, truncated: bigint, bits: bigint): bigint {
  const expected = largest + 1n;
  const window = 1n << bits;
  const candidate = (expected & ~(window - 1n)) | truncated;
  if (candidate <= expected - window / 2n && candidate < (1n << 62n) - window) return candidate + window;
  return candidate > expected + window / 2n && candidate >= window ? candidate - window : candidate;
}

function protect(keys: PacketKeys, number: bigint, header: Buffer, payload: Buffer, firstMask: number): Buffer {
  const packet = Buffer.concat([header, seal(keys, number, header, payload)]);
  const numberAt = header.length - NUMBER_BYTES;
  const sampleAt = numberAt + NUMBER_BYTES;
  const mask = headerMask(keys, packet.subarray(sampleAt, sampleAt + SAMPLE_BYTES));
  packet[0] = packet[0]! ^ (mask[0]! & firstMask);
  for (let index = 0; index < NUMBER_BYTES; index++) {
    packet[numberAt + index] = packet[numberAt + index]! ^ mask[1 + index]!;
  }
  return packet;
}

function numberBytes(number: bigint): Buffer {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeUInt32BE(Number(number & 0xff_ff_ff_ffn));
  return bytes;
}

const withLength = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes]);
const padded = (bytes: Buffer, length: number): Buffer =>
  bytes.length >= length ? bytes : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);

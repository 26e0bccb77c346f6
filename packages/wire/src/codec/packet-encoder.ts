import { KwikError } from '../errors/kwik-error.js';
import { ackFrameSize, writeAckFrame } from '../frames/ack-frame.js';
import { streamFrameSize, writeStreamFrame } from '../frames/stream-frame.js';
import { FrameList, Packet } from '../gen/kwik/v1/data.js';
import type { AckFrame, Frame, StreamFrame } from '../gen/kwik/v1/data.js';
import { MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { CHECKSUM_FIELD_BYTES, type Crc32, writeChecksum } from './checksum.js';
import { checkFrames, type PacketInput, validatePacket } from './packet-rules.js';
import { fieldSize, varintSize, writeField, writeVarint } from './varint.js';

/**
 * The packet as it goes on a real stream: its length as a varint, its fields, its checksum. The frames' data is copied
 * once. Throws KwikError of scope `local`: ERR_KWIK_INVALID_PACKET or ERR_KWIK_INVALID_FRAME for what a receiver
 * would refuse, ERR_KWIK_PACKET_TOO_LARGE above MAX_PACKET_BYTES.
 */
export function encodePacket(packet: PacketInput, crc32: Crc32): Uint8Array {
  const fields = measure(packet);
  const target = new Uint8Array(framedBytes(fields.bytes));
  // The array is exactly as long as it needs to be, but for the one packet in 2^32 that has no checksum.
  const length = writePacket(target, fields, packet, crc32);
  return length === target.length ? target : target.slice(0, length);
}

/**
 * As `encodePacket`, into the caller's own buffer, from its start; returns how many bytes were written. Saves the
 * allocation where the bytes are handed on at once. MAX_FRAMED_PACKET_BYTES are always enough; with less,
 * ERR_KWIK_INVALID_ARGUMENT.
 */
export function encodePacketInto(packet: PacketInput, target: Uint8Array, crc32: Crc32): number {
  const fields = measure(packet);
  const needed = framedBytes(fields.bytes);
  if (needed > target.length) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a packet of ${needed} bytes does not fit ${target.length}`);
  }
  return writePacket(target, fields, packet, crc32);
}

/** The frames of a packet for compression; throws as `encodePacket` does. */
export function encodeFrameList(frames: readonly Frame[]): Uint8Array {
  refuseLocally(checkFrames, frames);
  return FrameList.encode({ frames: frames as Frame[] }).finish();
}

type HotFrame = Frame & { body: { $case: 'stream'; value: StreamFrame } | { $case: 'ack'; value: AckFrame } };
type HotPacket = PacketInput & { readonly frames: readonly HotFrame[] };

// Field tags of Packet and Frame.
const PACKET_NUMBER = 0x08;
const TYPE = 0x10;
const FRAME = 0x1a;
const STREAM = 0x0a;
const ACK = 0x12;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Bytes before the checksum; undefined when the packet holds anything that only the generated code writes. */
function hotPacketSize(packet: PacketInput): number | undefined {
  if (packet.compression !== undefined || packet.packetNumber > MAX_SAFE) return undefined;
  let size = fieldSize(Number(packet.packetNumber)) + fieldSize(packet.type);
  for (const frame of packet.frames) {
    if (!isHot(frame)) return undefined;
    const inner = bodySize(frame);
    const outer = 1 + varintSize(inner) + inner;
    size += 1 + varintSize(outer) + outer;
  }
  return size;
}

function isHot(frame: Frame): frame is HotFrame {
  const { body } = frame;
  if (body?.$case === 'stream') return body.value.streamId <= MAX_SAFE && body.value.offset <= MAX_SAFE;
  // Validated ranges fall, so the first holds the largest number.
  return body?.$case === 'ack' && (body.value.ranges[0]?.last ?? 0n) <= MAX_SAFE;
}

function bodySize(frame: HotFrame): number {
  return frame.body.$case === 'stream' ? streamFrameSize(frame.body.value) : ackFrameSize(frame.body.value);
}

function writeHotPacket(target: Uint8Array, start: number, packet: HotPacket): void {
  let at = writeField(target, start, PACKET_NUMBER, Number(packet.packetNumber));
  at = writeField(target, at, TYPE, packet.type);
  for (const frame of packet.frames) {
    const inner = bodySize(frame);
    target[at] = FRAME;
    at = writeVarint(target, at + 1, 1 + varintSize(inner) + inner);
    target[at] = frame.body.$case === 'stream' ? STREAM : ACK;
    at = writeVarint(target, at + 1, inner);
    if (frame.body.$case === 'stream') at = writeStreamFrame(target, at, frame.body.value);
    else at = writeAckFrame(target, at, frame.body.value);
  }
}

/** The fields before the checksum: their size, and the bytes if the generated code had to make them. */
interface Fields {
  readonly bytes: number;
  readonly generated?: Uint8Array;
}

function measure(packet: PacketInput): Fields {
  refuseLocally(validatePacket, packet);
  const hotBytes = hotPacketSize(packet);
  const generated = hotBytes === undefined ? generateFields(packet) : undefined;
  const bytes = hotBytes ?? generated?.length ?? 0;
  if (bytes + CHECKSUM_FIELD_BYTES > MAX_PACKET_BYTES) {
    const message = `packet of ${bytes + CHECKSUM_FIELD_BYTES} bytes; at most ${MAX_PACKET_BYTES} are allowed`;
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message, { scope: 'local' });
  }
  return generated === undefined ? { bytes } : { bytes, generated };
}

function generateFields(packet: PacketInput): Uint8Array {
  const { packetNumber, type, frames, compression, compressedFrames = new Uint8Array(0) } = packet;
  const message = { packetNumber, type, frames: frames as Frame[], compression, compressedFrames, checksum: 0 };
  return Packet.encode(message).finish();
}

function framedBytes(fieldBytes: number): number {
  const packetBytes = fieldBytes + CHECKSUM_FIELD_BYTES;
  return varintSize(packetBytes) + packetBytes;
}

/** Returns the position behind the packet. */
function writePacket(target: Uint8Array, fields: Fields, packet: PacketInput, crc32: Crc32): number {
  const start = writeVarint(target, 0, fields.bytes + CHECKSUM_FIELD_BYTES);
  const end = start + fields.bytes;
  if (fields.generated === undefined) writeHotPacket(target, start, packet as HotPacket);
  else target.set(fields.generated, start);
  const checksum = crc32(target.subarray(start, end));
  if (checksum === 0) return dropChecksum(target, start, end);
  writeChecksum(target, end, checksum);
  return end + CHECKSUM_FIELD_BYTES;
}

/** One packet in 2^32 has the CRC 0, which proto3 leaves out: it is shorter, and so may its prefix be. */
function dropChecksum(target: Uint8Array, start: number, end: number): number {
  const fieldsAt = writeVarint(target, 0, end - start);
  target.copyWithin(fieldsAt, start, end);
  return fieldsAt + (end - start);
}

/** A rule that the caller's own packet breaks is not the peer's fault. */
function refuseLocally<T>(check: (value: T) => void, value: T): void {
  try {
    check(value);
  } catch (error) {
    const broken = KwikError.from(error);
    throw new KwikError(broken.code, broken.message, { scope: 'local', cause: error });
  }
}

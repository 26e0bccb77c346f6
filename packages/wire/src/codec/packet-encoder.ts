import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { KwikError } from '../errors/kwik-error.js';
import { ackFrameSize, writeAckFrame } from '../frames/ack-frame.js';
import { streamFrameSize, writeStreamFrame } from '../frames/stream-frame.js';
import { type AckFrame, Frame, FrameList, Packet, type StreamFrame } from '../gen/kwik/v1/data.js';
import { MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { CHECKSUM_FIELD_BYTES, checksumOf, writeChecksum } from './checksum.js';
import { checkFrames, type PacketInput, validatePacket } from './packet-rules.js';
import { fieldSize, varintSize, writeField, writeVarint } from './varint.js';

/**
 * The packet as it goes on a real stream: its length as a varint, its fields, its checksum. The frames' data is copied
 * once. Throws KwikError of scope `local`: ERR_KWIK_INVALID_PACKET or ERR_KWIK_INVALID_FRAME for what a receiver
 * would refuse, ERR_KWIK_PACKET_TOO_LARGE above MAX_PACKET_BYTES.
 */
export function encodePacket(packet: PacketInput): Uint8Array {
  asLocal(() => validatePacket(packet));
  const hotBytes = hotPacketSize(packet);
  if (hotBytes === undefined) return encodeByGeneratedCode(packet);
  const bytes = allocatePacket(hotBytes + CHECKSUM_FIELD_BYTES);
  const start = bytes.length - hotBytes - CHECKSUM_FIELD_BYTES;
  writeHotPacket(bytes, start, packet as HotPacket);
  return sealPacket(bytes, start);
}

/** The frames of a packet for compression; throws as `encodePacket` does. */
export function encodeFrameList(frames: readonly Frame[]): Uint8Array {
  asLocal(() => checkFrames(frames));
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

function encodeByGeneratedCode(packet: PacketInput): Uint8Array {
  const { packetNumber, type, frames, compression, compressedFrames = new Uint8Array(0) } = packet;
  const message = { packetNumber, type, frames: frames as Frame[], compression, compressedFrames, checksum: 0 };
  const fields = Packet.encode(message, new BinaryWriter()).finish();
  const bytes = allocatePacket(fields.length + CHECKSUM_FIELD_BYTES);
  const start = bytes.length - fields.length - CHECKSUM_FIELD_BYTES;
  bytes.set(fields, start);
  return sealPacket(bytes, start);
}

/** Room for prefix and packet, the prefix written. */
function allocatePacket(packetBytes: number): Uint8Array {
  if (packetBytes > MAX_PACKET_BYTES) {
    const message = `packet of ${packetBytes} bytes; at most ${MAX_PACKET_BYTES} are allowed`;
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message, { scope: 'local' });
  }
  const bytes = new Uint8Array(varintSize(packetBytes) + packetBytes);
  writeVarint(bytes, 0, packetBytes);
  return bytes;
}

/** Computes and writes the checksum of the packet that begins at `start`. */
function sealPacket(bytes: Uint8Array, start: number): Uint8Array {
  const end = bytes.length - CHECKSUM_FIELD_BYTES;
  const checksum = checksumOf(bytes.subarray(start, end));
  if (checksum === 0) return withoutChecksum(bytes.subarray(start, end));
  writeChecksum(bytes, end, checksum);
  return bytes;
}

/** One packet in 2^32 has the CRC 0, which proto3 leaves out. */
function withoutChecksum(fields: Uint8Array): Uint8Array {
  const bytes = allocatePacket(fields.length);
  bytes.set(fields, bytes.length - fields.length);
  return bytes;
}

/** A rule that the caller's own packet breaks is not the peer's fault. */
function asLocal(check: () => void): void {
  try {
    check();
  } catch (error) {
    const broken = KwikError.from(error);
    throw new KwikError(broken.code, broken.message, { scope: 'local', cause: error });
  }
}

import { KwikError } from '../errors/kwik-error.js';
import { readAckFrame } from '../frames/ack-frame.js';
import { readStreamFrame } from '../frames/stream-frame.js';
import { type Frame, FrameList, Packet, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_INFLATED_BYTES, MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { type Crc32, verifyChecksum } from './checksum.js';
import { checkFrameCount, checkFrames, invalidPacket, validatePacket } from './packet-rules.js';
import { FRAME_LIST_SHAPE, PACKET_SHAPE } from './packet-shape.js';
import { type Cursor, readVarint, UNUSUAL } from './varint.js';
import { checkShape } from './wire-shape.js';

/**
 * One packet without its length prefix. The checksum is verified first; data of frames are views of `bytes`, which
 * must not change while they are used. Throws KwikError: ERR_KWIK_PACKET_TOO_LARGE, ERR_KWIK_CHECKSUM_MISMATCH,
 * ERR_KWIK_INVALID_PACKET, ERR_KWIK_INVALID_FRAME.
 */
export function decodePacket(bytes: Uint8Array, crc32: Crc32): Packet {
  if (bytes.length > MAX_PACKET_BYTES) {
    const message = `packet of ${bytes.length} bytes; at most ${MAX_PACKET_BYTES} are allowed`;
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message);
  }
  const { coveredBytes, checksum } = verifyChecksum(bytes, crc32);
  const packet = readPacket(bytes, coveredBytes) ?? decodeByGeneratedCode(bytes.subarray(0, coveredBytes));
  packet.checksum = checksum;
  validatePacket(packet);
  return packet;
}

/** The inflated frames of a compressed packet; throws as `decodePacket` does. */
export function decodeFrameList(bytes: Uint8Array): Frame[] {
  if (bytes.length > MAX_INFLATED_BYTES) {
    const message = `frames of ${bytes.length} bytes; at most ${MAX_INFLATED_BYTES} are allowed`;
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message);
  }
  checkShape(bytes, FRAME_LIST_SHAPE, invalidPacket);
  const { frames } = decoding(() => FrameList.decode(bytes));
  checkFrames(frames);
  return frames;
}

// Field tags of Packet and Frame.
const PACKET_NUMBER = 0x08;
const TYPE = 0x10;
const FRAME = 0x1a;
const STREAM = 0x0a;
const ACK = 0x12;

/** A packet of stream and acknowledgement frames in the form that encoders write; undefined for anything else. */
function readPacket(bytes: Uint8Array, end: number): Packet | undefined {
  const cursor: Cursor = { bytes, position: 0 };
  const packet = emptyPacket();
  let previous = 0;
  while (cursor.position < end) {
    const tag = bytes[cursor.position++] as number;
    if (tag <= previous && tag !== FRAME) return undefined;
    previous = tag;
    const value = readVarint(cursor, end);
    if (value === UNUSUAL) return undefined;
    if (tag === FRAME) {
      if (value > end - cursor.position) return undefined;
      checkFrameCount(packet.frames.length + 1);
      const frame = readFrame(cursor, cursor.position + value);
      if (frame === undefined) return undefined;
      packet.frames.push(frame);
    } else if (tag === PACKET_NUMBER) packet.packetNumber = BigInt(value);
    else if (tag === TYPE && value <= PacketType.RETRANSMISSION) packet.type = value as PacketType;
    else return undefined;
  }
  return packet;
}

function readFrame(cursor: Cursor, end: number): Frame | undefined {
  if (cursor.position === end) return undefined;
  const tag = cursor.bytes[cursor.position++] as number;
  const length = readVarint(cursor, end);
  // One body that fills the frame; two bodies are legal, and the last one wins.
  if (length === UNUSUAL || length !== end - cursor.position) return undefined;
  if (tag === STREAM) {
    const value = readStreamFrame(cursor, end);
    return value && { body: { $case: 'stream', value } };
  }
  if (tag !== ACK) return undefined;
  const value = readAckFrame(cursor, end);
  return value && { body: { $case: 'ack', value } };
}

function decodeByGeneratedCode(bytes: Uint8Array): Packet {
  checkShape(bytes, PACKET_SHAPE, invalidPacket);
  return decoding(() => Packet.decode(bytes));
}

/** The walk leaves the generated decoder nothing to refuse that we know of; what it throws is the peer's fault. */
function decoding<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw KwikError.from(error, 'ERR_KWIK_INVALID_PACKET');
  }
}

function emptyPacket(): Packet {
  const compressedFrames = new Uint8Array(0);
  return {
    packetNumber: 0n,
    type: PacketType.UNSPECIFIED,
    frames: [],
    compression: undefined,
    compressedFrames,
    checksum: 0,
  };
}

/**
 * Sizes from what a path can carry (K13.1): how much data a packet takes so that it fits a given number of bytes.
 */
import { CHECKSUM_FIELD_BYTES } from '../codec/checksum.js';
import { fieldSize, varintSize } from '../codec/varint.js';
import { streamFlags, type StreamFrameFlags } from '../frames/stream-frame.js';
import { PacketType } from '../gen/kwik/v1/data.js';
import { MAX_FRAME_DATA_BYTES, MAX_PACKET_BYTES } from '../limits/wire-limits.js';

/**
 * Bytes that a stream frame adds to a packet beside its data: tags, lengths, ids and flags. `dataBytes` counts because
 * the lengths are varints; without it, the largest frame is meant, and the result is a bound.
 */
export function streamFrameOverhead(
  streamId: bigint,
  offset: bigint,
  flags: StreamFrameFlags = {},
  dataBytes = MAX_FRAME_DATA_BYTES,
): number {
  return frameBytes(fixedFieldBytes(streamId, offset, flags), dataBytes) - dataBytes;
}

export interface StreamPacketShape extends StreamFrameFlags {
  readonly streamId: bigint;
  readonly offset: bigint;
  readonly packetNumber: bigint;
  /** Every type takes the same room. Default: DATA. */
  readonly type?: PacketType | undefined;
  /** Bytes of further frames in the same packet, tags and lengths included. */
  readonly otherFrameBytes?: number | undefined;
}

/**
 * The most data that a packet with one stream frame of this shape can carry so that `encodePacket` gives at most
 * `targetBytes`, length prefix and checksum included; 0 when there is room for none. Exact: one byte more does not fit.
 */
export function maxStreamDataForPacket(targetBytes: number, shape: StreamPacketShape): number {
  const fixed = fixedFieldBytes(shape.streamId, shape.offset, shape);
  const rest =
    numberFieldBytes(shape.packetNumber) +
    fieldSize(shape.type ?? PacketType.DATA) +
    (shape.otherFrameBytes ?? 0) +
    CHECKSUM_FIELD_BYTES;
  const fits = (dataBytes: number): boolean => {
    const packetBytes = rest + frameBytes(fixed, dataBytes);
    return packetBytes <= MAX_PACKET_BYTES && varintSize(packetBytes) + packetBytes <= targetBytes;
  };
  // The varints of the lengths shrink with the data by at most 3 bytes each, so the answer is near this first guess.
  let dataBytes = Math.max(0, Math.min(targetBytes, MAX_PACKET_BYTES) - rest - fixed - 4 * MAX_LENGTH_BYTES);
  while (fits(dataBytes + 1)) dataBytes++;
  return dataBytes;
}

/** Lengths within a packet take 1 to 3 bytes, with the tag 4. */
const MAX_LENGTH_BYTES = 4;

/** The fields of a stream frame before its data. */
function fixedFieldBytes(streamId: bigint, offset: bigint, flags: StreamFrameFlags): number {
  return (
    numberFieldBytes(streamId) +
    numberFieldBytes(offset) +
    fieldSize(streamFlags(flags)) +
    fieldSize(flags.priority ?? 0)
  );
}

/** A stream frame in a packet, with the tags and lengths of Packet.frames, Frame.stream and StreamFrame.data. */
function frameBytes(fixed: number, dataBytes: number): number {
  const inner = fixed + (dataBytes === 0 ? 0 : nested(dataBytes));
  return nested(nested(inner));
}

function nested(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

/** Up to 2^62 - 1, unlike `fieldSize`. */
function numberFieldBytes(value: bigint): number {
  return value < 1n << 49n ? fieldSize(Number(value)) : value < 1n << 56n ? 9 : 10;
}

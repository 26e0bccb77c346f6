import { crc32 } from 'node:zlib';
import { type PacketInput, proto } from '@kwik/wire';

/** Tag of the checksum (field 15, fixed32), and its value. */
const CHECKSUM_TAG = 0x7d;
const CHECKSUM_FIELD_BYTES = 5;

/**
 * What `encodePacketInto` does, with nothing but the generated code: fields, checksum, length prefix. Returns the bytes
 * written.
 */
export function encodeGenerated(packet: PacketInput, target: Buffer): number {
  const { packetNumber, type, frames } = packet;
  const message = { packetNumber, type, frames: [...frames], compressedFrames: new Uint8Array(0), checksum: 0 };
  const fields = proto.Packet.encode({ ...message, compression: undefined }).finish();
  let at = writeVarint(target, fields.length + CHECKSUM_FIELD_BYTES);
  target.set(fields, at);
  at += fields.length;
  target[at] = CHECKSUM_TAG;
  return target.writeUInt32LE(crc32(fields), at + 1);
}

/** What `decodePacket` does, but for the rules: the checksum first, then the generated code. */
export function decodeGenerated(bytes: Buffer): proto.Packet {
  const covered = bytes.subarray(0, -CHECKSUM_FIELD_BYTES);
  if (crc32(covered) !== bytes.readUInt32LE(bytes.length - 4)) throw new Error('checksum of a packet');
  return proto.Packet.decode(bytes);
}

function writeVarint(target: Buffer, value: number): number {
  let at = 0;
  for (; value > 0x7f; value >>>= 7) target[at++] = (value & 0x7f) | 0x80;
  target[at++] = value;
  return at;
}

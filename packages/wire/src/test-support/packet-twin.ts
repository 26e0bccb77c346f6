import { crc32 } from 'node:zlib';
import { invalidPacket, validatePacket } from '../codec/packet-rules.js';
import { PACKET_SHAPE } from '../codec/packet-shape.js';
import type { PacketInput } from '../codec/packet-rules.js';
import { checkShape } from '../codec/wire-shape.js';
import { type Frame, Packet } from '../gen/kwik/v1/data.js';

/** The slow, obvious twin of `encodePacket`, by the generated encoder alone. */
export function encodeSlowly(packet: PacketInput): Uint8Array {
  const message: Packet = {
    packetNumber: packet.packetNumber,
    type: packet.type,
    frames: packet.frames as Frame[],
    compression: packet.compression,
    compressedFrames: packet.compressedFrames ?? new Uint8Array(0),
    checksum: 0,
  };
  const checksum = crc32(Packet.encode(message).finish());
  const body = Packet.encode({ ...message, checksum }).finish();
  const prefix: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    prefix.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Uint8Array.from([...prefix, ...body]);
}

/** The slow twin of `decodePacket` behind the checksum: `fields` are what it covers. */
export function decodeSlowly(fields: Uint8Array): Packet {
  checkShape(fields, PACKET_SHAPE, invalidPacket);
  const packet = { ...Packet.decode(fields), checksum: crc32(fields) };
  validatePacket(packet);
  return packet;
}

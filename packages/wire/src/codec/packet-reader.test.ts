import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pingFrame, streamFrame } from '../frames/index.js';
import { PacketType, type StreamFrame } from '../gen/kwik/v1/data.js';
import { anyFrame, packetsOf } from '../test-support/arbitraries.js';
import { codeOf } from '../test-support/outcomes.js';
import { withoutPrefix } from '../test-support/sealing.js';
import { decodePacket } from './packet-decoder.js';
import { encodePacket } from './packet-encoder.js';
import { PacketReader } from './packet-reader.js';

const ping = encodePacket(
  { packetNumber: 1n, type: PacketType.KEEP_ALIVE, frames: [pingFrame({ sequence: 1n })] },
  crc32,
);

describe('PacketReader', () => {
  test('gives the packets back, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(packetsOf(anyFrame), { maxLength: 5 }), fc.integer({ min: 1, max: 2_000 }), (sent, size) => {
        const encoded = sent.map((packet) => encodePacket(packet, crc32));
        const stream = Buffer.concat(encoded);
        const reader = new PacketReader(crc32);
        const received = [];
        for (let at = 0; at < stream.length; at += size) {
          reader.push(stream.subarray(at, at + size));
          for (let packet = reader.next(); packet !== undefined; packet = reader.next()) received.push(packet);
        }
        expect(received).toHaveLength(sent.length);
        expect(received.map((packet) => encodePacket(packet, crc32)).map((bytes) => Buffer.from(bytes))).toEqual(
          encoded.map((bytes) => Buffer.from(bytes)),
        );
        expect(reader.bufferedBytes).toBe(0);
      }),
    );
  });

  test('data of a packet that lies whole in a chunk are a view of it', () => {
    const frame = streamFrame({ streamId: 4n, offset: 0n, data: Uint8Array.of(1, 2, 3) });
    const chunk = Uint8Array.from([
      ...ping,
      ...encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: [frame] }, crc32),
    ]);
    const reader = new PacketReader(crc32);
    reader.push(chunk);
    expect(reader.next()?.type).toBe(PacketType.KEEP_ALIVE);
    const body = reader.next()?.frames[0]?.body;
    expect((body?.value as StreamFrame).data.buffer).toBe(chunk.buffer);
  });

  test('a damaged packet does not hide the next one', () => {
    const damaged = Uint8Array.from(ping);
    damaged[1]! ^= 1;
    const reader = new PacketReader(crc32);
    reader.push(damaged);
    reader.push(ping);
    expect(codeOf(() => reader.next())).toBe('ERR_KWIK_CHECKSUM_MISMATCH');
    expect(reader.next()).toEqual(decodePacket(withoutPrefix(ping), crc32));
    expect(reader.next()).toBeUndefined();
  });

  test('an agreed bound holds', () => {
    const reader = new PacketReader(crc32, { maxPacketBytes: ping.length - 2 });
    reader.push(ping);
    expect(codeOf(() => reader.next())).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    expect(reader.bufferedBytes).toBe(0);
  });

  test('an empty message is no packet', () => {
    const reader = new PacketReader(crc32);
    reader.push(Uint8Array.of(0));
    expect(codeOf(() => reader.next())).toBe('ERR_KWIK_INVALID_PACKET');
  });
});

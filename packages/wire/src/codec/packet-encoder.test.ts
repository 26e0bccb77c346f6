import { crc32 } from 'node:zlib';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ackFrame, pingFrame, rawFrame, streamFrame } from '../frames/index.js';
import { CompressionAlgorithm, Frame, FrameList, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_FRAMED_PACKET_BYTES, MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { anyFrame, hotFrames, packetsOf } from '../test-support/arbitraries.js';
import { hex, kwikErrorOf } from '../test-support/outcomes.js';
import { encodeSlowly } from '../test-support/packet-twin.js';
import { bytesForZeroCrc, withoutPrefix } from '../test-support/sealing.js';
import {} from './checksum.js';
import { decodePacket } from './packet-decoder.js';
import { encodeFrameList, encodePacket, encodePacketInto } from './packet-encoder.js';
import type { PacketInput } from './packet-rules.js';

/** An id that only the generated code writes. */
const COLD_STREAM = 1n << 60n;

describe('encodePacket', () => {
  test.each([
    ['stream and ack frames', hotFrames],
    ['all frames', anyFrame],
  ])('writes the same bytes as the generated code: %s', (_, frames) => {
    fc.assert(
      fc.property(packetsOf(frames), (packet) => {
        expect(hex(encodePacket(packet, crc32))).toBe(hex(encodeSlowly(packet)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('the hot path does not touch the generated code', () => {
    const generated = jest.spyOn(Frame, 'encode');
    const stream = streamFrame({ streamId: 4n, offset: 2n ** 48n, data: new Uint8Array(10) });
    const ack = ackFrame({ pathId: 1, ackDelayUs: 7, ranges: [{ first: 1n, last: 2n ** 48n }] });
    encodePacket(packetOf(stream, ack), crc32);
    expect(generated).not.toHaveBeenCalled();
    encodePacket(packetOf(stream, pingFrame({ sequence: 1n })), crc32);
    expect(generated).toHaveBeenCalled();
    generated.mockRestore();
  });

  test('writes a compressed packet as the generated code does', () => {
    const packet: PacketInput = {
      ...packetOf(),
      compression: { algorithm: CompressionAlgorithm.DEFLATE, originalBytes: 300 },
      compressedFrames: Uint8Array.of(1, 2, 3),
    };
    expect(hex(encodePacket(packet, crc32))).toBe(hex(encodeSlowly(packet)));
  });

  test.each([
    ['hot', 4n, 4],
    ['cold', COLD_STREAM, 4],
    // Only with the checksum it has 128 bytes or more, and so a prefix of two.
    ['hot', 4n, 113],
    ['cold', COLD_STREAM, 105],
  ])('leaves out a checksum that is 0: %s path, %i, %i bytes', (_, streamId, length) => {
    const packet = packetWithZeroCrc(streamId, length);
    const encoded = encodePacket(packet, crc32);
    expect(hex(encoded)).toBe(hex(encodeSlowly(packet)));
    expect(crc32(withoutPrefix(encoded))).toBe(0);
    expect(decodePacket(withoutPrefix(encoded), crc32)).toMatchObject({ checksum: 0, frames: packet.frames });
    if (length > 4) expect([encoded[0]! < 128, encoded.length + 5 > 128]).toEqual([true, true]);
  });

  test('refuses a packet above the bound, and takes the largest', () => {
    const packet = (length: number): PacketInput => packetOf(rawFrame({ data: new Uint8Array(length), sequence: 0n }));
    let length = MAX_PACKET_BYTES - 40;
    while (withoutPrefix(encodePacket(packet(length), crc32)).length < MAX_PACKET_BYTES) length++;
    const error = kwikErrorOf(() => encodePacket(packet(length + 1), crc32));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_PACKET_TOO_LARGE', 'local']);
    const hot = packetOf(streamFrame({ streamId: 0n, offset: 0n, data: new Uint8Array(MAX_PACKET_BYTES) }));
    expect(kwikErrorOf(() => encodePacket(hot, crc32)).code).toBe('ERR_KWIK_PACKET_TOO_LARGE');
  });
});

describe('what no type check saw', () => {
  const frame = (fields: object): Frame => ({
    body: {
      $case: 'stream',
      value: { streamId: 4n, offset: 0n, flags: 0, priority: 0, data: new Uint8Array(1), ...fields },
    },
  });
  test.each<[string, PacketInput]>([
    ['a type between two', { ...packetOf(), type: 1.5 as PacketType }],
    ['flags between two', packetOf(frame({ flags: 1.5 }))],
    ['flags below 0', packetOf(frame({ flags: -1 }))],
    ['flags above 32 bits', packetOf(frame({ flags: 2 ** 32 + 1 }))],
    ['a priority between two', packetOf(frame({ flags: 2, priority: 1.5 }))],
    ['a priority below 0', packetOf(frame({ flags: 2, priority: -1 }))],
    ['a path between two', packetOf(ackFrame({ pathId: 0.5, ackDelayUs: 0, ranges: [{ first: 0n, last: 0n }] }))],
    ['a negative packet number', { ...packetOf(), packetNumber: -1n }],
    ['a packet number of 2^62', { ...packetOf(), packetNumber: 1n << 62n }],
  ])('%s does not leave this side', (_, packet) => {
    const error = kwikErrorOf(() => encodePacket(packet, crc32));
    expect(error.scope).toBe('local');
    expect(['ERR_KWIK_INVALID_FRAME', 'ERR_KWIK_INVALID_PACKET']).toContain(error.code);
  });
});

describe('encodePacketInto', () => {
  test('writes what encodePacket returns, and nothing else', () => {
    const target = new Uint8Array(MAX_FRAMED_PACKET_BYTES);
    fc.assert(
      fc.property(packetsOf(anyFrame), fc.integer({ min: 0, max: 255 }), (packet, filler) => {
        target.fill(filler);
        const length = encodePacketInto(packet, target, crc32);
        expect(hex(target.subarray(0, length))).toBe(hex(encodePacket(packet, crc32)));
        expect(target.subarray(length).every((byte) => byte === filler)).toBe(true);
      }),
    );
  });

  test.each([4, 113])('leaves out a checksum that is 0: %i bytes', (length) => {
    const packet = packetWithZeroCrc(4n, length);
    const target = new Uint8Array(200);
    expect(hex(target.subarray(0, encodePacketInto(packet, target, crc32)))).toBe(hex(encodePacket(packet, crc32)));
  });

  test('refuses a buffer that is too small before it writes', () => {
    const packet = packetOf(streamFrame({ streamId: 4n, offset: 0n, data: new Uint8Array(50) }));
    const needed = encodePacket(packet, crc32).length;
    const target = new Uint8Array(needed - 1).fill(7);
    expect(kwikErrorOf(() => encodePacketInto(packet, target, crc32)).code).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(target.every((byte) => byte === 7)).toBe(true);
    expect(encodePacketInto(packet, new Uint8Array(needed), crc32)).toBe(needed);
  });
});

describe('encodeFrameList', () => {
  test('is the generated encoding', () => {
    const frames = [pingFrame({ sequence: 1n }), streamFrame({ streamId: 4n, offset: 0n, data: Uint8Array.of(1) })];
    expect(encodeFrameList(frames)).toEqual(FrameList.encode({ frames }).finish());
  });

  test('refuses what a receiver would', () => {
    const error = kwikErrorOf(() => encodeFrameList([pingFrame({ sequence: -1n })]));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_INVALID_FRAME', 'local']);
  });
});

function packetOf(...frames: Frame[]): PacketInput {
  return { packetNumber: 5n, type: PacketType.DATA, frames };
}

/** A stream frame's data are the last bytes before the checksum, so four of them can be chosen. */
function packetWithZeroCrc(streamId: bigint, length: number): PacketInput {
  const data = new Uint8Array(length);
  const packet = packetOf(streamFrame({ streamId, offset: 0n, data }));
  const fields = withoutPrefix(encodeSlowly(packet)).subarray(0, -5);
  data.set(bytesForZeroCrc(fields.subarray(0, -4)), length - 4);
  return packet;
}

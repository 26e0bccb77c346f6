import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodePacket } from '../codec/packet-encoder.js';
import { streamFrame } from '../frames/index.js';
import { Frame, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_VARINT } from '../ids/ids.js';
import { MAX_FRAME_DATA_BYTES, MAX_FRAMED_PACKET_BYTES, MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { uint62 } from '../test-support/arbitraries.js';
import { withoutPrefix } from '../test-support/sealing.js';
import { maxStreamDataForPacket, type StreamPacketShape, streamFrameOverhead } from './packet-sizing.js';

const flags = fc.record({
  fin: fc.boolean(),
  retransmit: fc.boolean(),
  range: fc.boolean(),
  priority: fc.option(fc.integer({ min: 0, max: 7 }), { nil: undefined }),
});
const shapes: fc.Arbitrary<StreamPacketShape> = fc
  .tuple(fc.record({ streamId: uint62, offset: uint62.map((value) => value / 2n), packetNumber: uint62 }), flags)
  .map(([ids, chosen]) => ({ ...ids, ...chosen }));
const targets = fc.oneof(
  fc.integer({ min: 60, max: 400 }),
  fc.integer({ min: 60, max: 20_000 }),
  fc
    .tuple(fc.constantFrom(128, 16_384, MAX_PACKET_BYTES), fc.integer({ min: -60, max: 80 }))
    .map(([around, by]) => around + by),
);

describe('maxStreamDataForPacket', () => {
  test('a packet with so much data fits, and with one byte more it does not', () => {
    fc.assert(
      fc.property(targets, shapes, (target, shape) => {
        const most = maxStreamDataForPacket(target, shape);
        expect(packetBytes(shape, most)).toBeLessThanOrEqual(target);
        if (packetBytes(shape, most) < MAX_FRAMED_PACKET_BYTES) {
          expect(packetBytes(shape, most + 1)).toBeGreaterThan(target);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('leaves room for other frames', () => {
    const shape = { streamId: 4n, offset: 0n, packetNumber: 1n };
    const other = streamFrame({ streamId: 8n, offset: 5n, data: new Uint8Array(40) });
    const otherFrameBytes = Frame.encode(other).finish().length + 2;
    const most = maxStreamDataForPacket(1_200, { ...shape, otherFrameBytes });
    const frames = (length: number): Frame[] => [other, streamFrame({ ...shape, data: new Uint8Array(length) })];
    const bytes = (length: number): number =>
      encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: frames(length) }, crc32).length;
    expect(bytes(most)).toBe(1_200);
    expect(bytes(most + 1)).toBe(1_201);
  });

  test('there is no room in a target that is too small', () => {
    const shape = { streamId: MAX_VARINT, offset: 0n, packetNumber: MAX_VARINT };
    for (const target of [-5, 0, 1, 20]) expect(maxStreamDataForPacket(target, shape)).toBe(0);
  });

  test('a target beyond the largest packet gives the largest packet', () => {
    const shape = { streamId: 4n, offset: 0n, packetNumber: 1n };
    const most = maxStreamDataForPacket(1_000_000, shape);
    expect(packetBytes(shape, most)).toBe(MAX_FRAMED_PACKET_BYTES);
  });

  test('MAX_FRAME_DATA_BYTES fit whatever the other fields are, and not one more', () => {
    const longest = {
      streamId: MAX_VARINT,
      offset: MAX_VARINT - BigInt(MAX_PACKET_BYTES),
      packetNumber: MAX_VARINT,
      fin: true,
      priority: 7,
    };
    expect(maxStreamDataForPacket(MAX_FRAMED_PACKET_BYTES, longest)).toBe(MAX_FRAME_DATA_BYTES);
  });
});

describe('streamFrameOverhead', () => {
  test('is what the frame adds to a packet beside its data', () => {
    fc.assert(
      fc.property(
        uint62,
        uint62.map((value) => value / 2n),
        flags,
        fc.integer({ min: 0, max: 20_000 }),
        (streamId, offset, chosen, length) => {
          const shape = { streamId, offset, packetNumber: 1n, ...chosen };
          const empty = withoutPrefix(
            encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: [] }, crc32),
          ).length;
          const withFrame = withoutPrefix(encodeShape(shape, length)).length;
          expect(streamFrameOverhead(streamId, offset, chosen, length)).toBe(withFrame - empty - length);
          expect(streamFrameOverhead(streamId, offset, chosen)).toBeGreaterThanOrEqual(withFrame - empty - length);
        },
      ),
    );
  });
});

function encodeShape(shape: StreamPacketShape, length: number): Uint8Array {
  const frame = streamFrame({ ...shape, data: new Uint8Array(length) });
  return encodePacket({ packetNumber: shape.packetNumber, type: PacketType.DATA, frames: [frame] }, crc32);
}

function packetBytes(shape: StreamPacketShape, length: number): number {
  return encodeShape(shape, length).length;
}

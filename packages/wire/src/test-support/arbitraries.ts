import fc from 'fast-check';
import type { PacketInput } from '../codec/packet-rules.js';
import * as frames from '../frames/index.js';
import { type AckRange, FrameFlag, type Frame, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_VARINT } from '../ids/ids.js';
import { MAX_STREAM_COUNT, MAX_UINT32 } from '../limits/wire-limits.js';

/** Whole numbers around every length of a varint. */
export const uint62: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt(0n, 300n),
  fc.bigInt(0n, MAX_VARINT),
  fc
    .tuple(fc.integer({ min: 1, max: 61 }), fc.constantFrom(-1n, 0n, 1n))
    .map(([bits, by]) => (1n << BigInt(bits)) + by),
  fc.constant(MAX_VARINT),
);

const uint32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: MAX_UINT32 }),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, MAX_UINT32),
);

const data = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }).map((length) => new Uint8Array(length).fill(length)) },
);

/** Offsets that leave room for the data. */
const offset = uint62.map((value) => (value > MAX_VARINT - 100_000n ? value - 100_000n : value));

/** Flags of every kind, which `streamFrame` alone does not give. */
const streamFrames: fc.Arbitrary<Frame> = fc
  .record({
    streamId: uint62,
    offset,
    flags: fc.subarray(Object.values(FrameFlag)).map((flags) => flags.reduce<number>((all, flag) => all | flag, 0)),
    priority: fc.integer({ min: 0, max: 7 }),
    data,
  })
  .map((value) => ({
    body: {
      $case: 'stream',
      value: { ...value, priority: frames.hasFlag(value, FrameFlag.PRIORITY) ? value.priority : 0 },
    },
  }));

/** From pairs of a gap (at least one packet) and a length, upwards; then turned round. */
const ackRanges: fc.Arbitrary<AckRange[]> = fc
  .tuple(uint62, fc.array(fc.tuple(fc.bigInt(2n, 1_000n), fc.bigInt(0n, 1_000n)), { minLength: 1, maxLength: 64 }))
  .map(([start, steps]) => {
    let next = start > MAX_VARINT - 200_000n ? start - 200_000n : start;
    const ranges = steps.map(([gap, length]) => {
      const range = { first: next, last: next + length };
      next = range.last + gap;
      return range;
    });
    return ranges.reverse();
  });

const ackFrames: fc.Arbitrary<Frame> = fc
  .record({ pathId: uint32, ackDelayUs: uint32, ranges: ackRanges })
  .map(frames.ackFrame);

export const hotFrames: fc.Arbitrary<Frame> = fc.oneof(streamFrames, ackFrames);

const maybeStreamId = fc.option(uint62, { nil: undefined });

export const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  streamFrames,
  ackFrames,
  fc.record({ streamId: maybeStreamId, maxOffset: uint62 }).map(frames.windowUpdateFrame),
  fc.record({ streamId: maybeStreamId, limit: uint62 }).map(frames.blockedFrame),
  fc.record({ streamId: uint62, code: uint32, finalSize: uint62 }).map(frames.resetStreamFrame),
  fc.record({ streamId: uint62, code: uint32 }).map(frames.stopSendingFrame),
  fc.record({ data, sequence: uint62 }).map(frames.rawFrame),
  fc.record({ data: fc.uint8Array({ maxLength: 16_384 }), sequence: uint62 }).map(frames.datagramFrame),
  fc.record({ sequence: uint62, reply: fc.boolean() }).map(frames.pingFrame),
  fc
    .record({ keyPhase: uint32, sequence: uint62, ciphertext: fc.uint8Array({ minLength: 1 }) })
    .map(frames.sealedFrame),
  fc
    .record({ unidirectional: fc.boolean(), maxStreams: uint62.filter((count) => count <= MAX_STREAM_COUNT) })
    .map(frames.maxStreamsFrame),
);

export function packetsOf(frame: fc.Arbitrary<Frame>): fc.Arbitrary<PacketInput> {
  return fc.record({
    packetNumber: uint62,
    type: fc.constantFrom(...Object.values(PacketType).filter((type) => type !== PacketType.UNSPECIFIED)),
    // At most three frames of 20,000 bytes, so that every packet stays within its bound.
    frames: fc.array(frame, { maxLength: 3 }),
  });
}

import { crc32 } from 'node:zlib';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ackFrame, pingFrame, stopSendingFrame, streamFrame, windowUpdateFrame } from '../frames/index.js';
import { type Frame, Packet, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_INFLATED_BYTES, MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { anyFrame, hotFrames, packetsOf, uint62 } from '../test-support/arbitraries.js';
import { codeOf, fromHex, kwikErrorOf, outcomeOf } from '../test-support/outcomes.js';
import { decodeSlowly } from '../test-support/packet-twin.js';
import { seal, withoutPrefix } from '../test-support/sealing.js';
import { bytesField, fixed32Field, fixed64Field, varint, varintField } from '../test-support/wire-fields.js';
import { decodeFrameList, decodePacket } from './packet-decoder.js';
import { encodeFrameList, encodePacket } from './packet-encoder.js';

/** Fields of messages in any order, number and form, with fields that nobody knows among them. */
const unknown = fc.oneof(
  fc.tuple(fc.integer({ min: 11, max: 14 }), uint62).map(([field, value]) => varintField(field, value)),
  fc
    .tuple(fc.integer({ min: 11, max: 5_000 }), fc.uint8Array({ maxLength: 9 }))
    .map(([field, value]) => bytesField(field, value)),
  fc.constantFrom(fixed32Field(11, 7), fixed64Field(12)),
);
const padding = fc.constantFrom(0, 0, 0, 1, 5);
const number = (field: number, value: fc.Arbitrary<bigint>): fc.Arbitrary<number[]> =>
  fc.tuple(value, padding).map(([chosen, pad]) => varintField(field, chosen, pad));
const message = (...fields: fc.Arbitrary<number[]>[]): fc.Arbitrary<number[]> =>
  fc.array(fc.oneof(...fields, ...fields, unknown), { maxLength: 6 }).map((chosen) => chosen.flat());
const nested = (field: number, body: fc.Arbitrary<number[]>): fc.Arbitrary<number[]> =>
  fc.tuple(body, padding).map(([bytes, pad]) => bytesField(field, bytes, pad));

const small = fc.bigInt(0n, 7n);
const stream = message(
  number(1, uint62),
  number(2, uint62),
  number(3, fc.constantFrom(0n, 1n, 2n, 3n, 64n, 128n, 1n << 33n)),
  number(4, small),
  nested(
    5,
    fc.uint8Array({ maxLength: 20 }).map((bytes) => [...bytes]),
  ),
);
const range = message(number(1, small), number(2, uint62));
const ack = message(number(1, small), number(2, uint62), nested(3, range));
const windowUpdate = message(number(1, small), number(2, uint62));
const frame = message(nested(1, stream), nested(1, stream), nested(2, ack), nested(3, windowUpdate));
const packets = message(number(1, uint62), number(2, fc.bigInt(1n, 7n)), nested(3, frame), nested(3, frame));
const usualPackets = fc
  .tuple(uint62, fc.bigInt(1n, 6n), fc.array(fc.oneof(nested(1, stream), nested(2, ack)), { maxLength: 3 }))
  .map(([packetNumber, type, bodies]) => [
    ...varintField(1, packetNumber),
    ...varintField(2, type),
    ...bodies.flatMap((body) => bytesField(3, body)),
  ]);

describe('decodePacket', () => {
  test.each([
    ['stream and ack frames', hotFrames],
    ['all frames', anyFrame],
  ])('reads what was encoded: %s', (_, frames) => {
    fc.assert(
      fc.property(packetsOf(frames), (packet) => {
        const bytes = withoutPrefix(encodePacket(packet, crc32));
        const decoded = decodePacket(bytes, crc32);
        expect(decoded).toEqual(Packet.decode(bytes));
        expect(decoded.frames).toEqual(packet.frames);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['fields of any order and form', packets],
    ['frames of any form in a usual packet', usualPackets],
  ])('reads what the generated decoder reads, and refuses what it refuses: %s', (_, arbitrary) => {
    let valid = 0;
    let all = 0;
    fc.assert(
      fc.property(arbitrary, (bytes) => {
        const fields = Uint8Array.from(bytes);
        const expected = outcomeOf(() => decodeSlowly(fields));
        const decoded = outcomeOf(() => decodePacket(seal(fields), crc32));
        expect(Object.keys(decoded)).toEqual(Object.keys(expected));
        if ('value' in expected) expect(decoded).toEqual(expected);
        all++;
        if ('value' in decoded) valid++;
      }),
      { numRuns: 5_000 },
    );
    // Both sides of the property are met, or it says nothing.
    expect(valid / all).toBeGreaterThan(0.02);
    expect(valid / all).toBeLessThan(0.98);
  });

  test('the hot path does not touch the generated code', () => {
    const generated = jest.spyOn(Packet, 'decode');
    const data = new Uint8Array(10);
    const hot = streamFrame({ streamId: 4n, offset: 2n ** 48n, data, fin: true, priority: 3 });
    const acks = ackFrame({ pathId: 1, ackDelayUs: 7, ranges: [{ first: 1n, last: 2n ** 48n }] });
    const bytes = withoutPrefix(
      encodePacket({ packetNumber: 2n ** 48n, type: PacketType.DATA, frames: [hot, acks] }, crc32),
    );
    decodePacket(bytes, crc32);
    expect(generated).not.toHaveBeenCalled();
    generated.mockRestore();
  });

  test('verifies the checksum before it reads anything', () => {
    const bytes = seal(Uint8Array.from([...varintField(1, 1), 0xff, 0xff]));
    bytes[0]! ^= 1;
    expect(codeOf(() => decodePacket(bytes, crc32))).toBe('ERR_KWIK_CHECKSUM_MISMATCH');
  });

  test('refuses a packet above the bound without reading it', () => {
    expect(codeOf(() => decodePacket(new Uint8Array(MAX_PACKET_BYTES + 1), crc32))).toBe('ERR_KWIK_PACKET_TOO_LARGE');
  });

  const start = [...varintField(1, 1), ...varintField(2, 1)];
  test.each<[string, number[], RegExp]>([
    ['no type', varintField(1, 1), /packet type 0/],
    ['an unknown type', [...varintField(1, 1), ...varintField(2, 7)], /packet type 7/],
    ['a negative type', [...varintField(1, 1), ...varintField(2, (1n << 64n) - 1n)], /packet type -1/],
    ['a packet number of 2^62', [...varintField(1, 1n << 62n), ...varintField(2, 1)], /packet number/],
    ['a packet number of 2^64', [...varintField(1, 1n << 64n), ...varintField(2, 1)], /longer than 64 bits/],
    ['a checksum among the fields', [...fixed32Field(15, 0), ...start], /field 15/],
    ['257 frames', [...start, ...repeat(257, bytesField(3, bytesField(1, [])))], /more than 256/],
    ['257 frames of another kind', [...start, ...repeat(257, bytesField(3, bytesField(7, [])))], /more than 256/],
    ['a group', [...start, 0x3b, 0x3c], /wire type 3/],
    ['a tag of 0', [...start, 0x00], /no valid number/],
    ['a tag above 32 bits', [...start, ...varint(1n << 33n), 0x00], /no valid number/],
    ['a frame longer than the packet', [...start, 0x1a, 0x7f, 0x00], /beyond its message/],
    ['a frame longer than memory', [...start, 0x1a, ...varint(0xffff_ffff_ffff)], /beyond its message/],
    ['a body longer than its frame', [...start, 0x1a, 0x02, 0x0a, 0x01, 0x08], /beyond its message/],
    [
      'data longer than their body',
      [...start, ...bytesField(3, bytesField(1, [0x2a, 0x03, 1, 2]))],
      /beyond its message/,
    ],
    ['a varint of 11 bytes', [...start, 0x08, ...Array<number>(10).fill(0xff), 0x01], /longer than 64 bits/],
    ['a varint that never ends', [...start, 0x08, ...Array<number>(60_000).fill(0xff)], /longer than 64 bits/],
    ['compressed frames without compression', [...start, ...bytesField(5, [1])], /without compression/],
    [
      'compression without compressed frames',
      [...start, ...bytesField(4, [0x08, 1, 0x10, 9])],
      /without compressed frames/,
    ],
    ['compression unknown', [...start, ...bytesField(4, [0x08, 3, 0x10, 9]), ...bytesField(5, [1])], /algorithm 3/],
    ['compression of nothing', [...start, ...bytesField(4, [0x08, 1]), ...bytesField(5, [1])], /inflates to 0/],
    [
      'a bomb',
      [...start, ...bytesField(4, [0x08, 1, ...varintField(2, MAX_INFLATED_BYTES + 1)]), ...bytesField(5, [1])],
      /inflates to 262145/,
    ],
    [
      'frames beside compressed frames',
      [...start, ...bytesField(3, bytesField(7, [])), ...bytesField(4, [0x08, 1, 0x10, 9]), ...bytesField(5, [1])],
      /beside/,
    ],
  ])('refuses %s', (_, fields, says) => {
    const error = kwikErrorOf(() => decodePacket(seal(Uint8Array.from(fields)), crc32));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_INVALID_PACKET', 'peer']);
    expect(error.message).toMatch(says);
  });

  test.each<[string, number[], RegExp]>([
    ['without a body', [], /unknown kind/],
    ['of a later version', bytesField(12, [1]), /unknown kind/],
    ['of 65 ranges in the usual form', bytesField(2, repeat(65, bytesField(3, []))), /more than 64/],
  ])('refuses a frame %s', (_, body, says) => {
    const error = kwikErrorOf(() => decodePacket(seal(Uint8Array.from([...start, ...bytesField(3, body)])), crc32));
    expect(error.code).toBe('ERR_KWIK_INVALID_FRAME');
    expect(error.message).toMatch(says);
  });

  const streamBody = bytesField(1, varintField(1, 4));
  test.each<[string, number[], Frame]>([
    ['another body', bytesField(3, varintField(2, 9)), windowUpdateFrame({ maxOffset: 9n })],
    // In the packet, field 3 would be a frame of its own: here, of stream 9.
    [
      'one that looks like a frame',
      bytesField(3, bytesField(1, varintField(1, 9))),
      windowUpdateFrame({ maxOffset: 0n }),
    ],
    // In the stream frame before it, field 5 would be its data.
    ['one that looks like data', bytesField(5, varintField(2, 9)), stopSendingFrame({ streamId: 0n, code: 9 })],
  ])('of two bodies in a frame the last one counts, and only as a body: %s', (_, second, expected) => {
    const packet = decodePacket(seal(Uint8Array.from([...start, ...bytesField(3, [...streamBody, ...second])])), crc32);
    expect(packet.frames).toEqual([expected]);
  });

  test('stops at the 257th frame, and does not first read the others', () => {
    const fields = Uint8Array.from([...start, ...repeat(5_000, bytesField(3, bytesField(1, bytesField(5, [7]))))]);
    const views = jest.spyOn(Uint8Array.prototype, 'subarray');
    const code = codeOf(() => decodePacket(seal(fields), crc32));
    const made = views.mock.calls.length;
    views.mockRestore();
    expect(code).toBe('ERR_KWIK_INVALID_PACKET');
    expect(made).toBeLessThan(300);
  });

  test('skips fields that it does not know', () => {
    const fields = [
      ...start,
      ...bytesField(3, [...bytesField(7, varintField(1, 3)), ...bytesField(99, [1])]),
      ...fixed64Field(9),
    ];
    expect(decodePacket(seal(Uint8Array.from(fields)), crc32).frames).toEqual([pingFrame({ sequence: 3n })]);
  });

  test('a view of a larger buffer is decoded in its own bounds', () => {
    const bytes = withoutPrefix(
      encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: [pingFrame({ sequence: 1n })] }, crc32),
    );
    const larger = new Uint8Array(bytes.length + 20).fill(0xff);
    larger.set(bytes, 7);
    expect(decodePacket(larger.subarray(7, 7 + bytes.length), crc32)).toEqual(decodePacket(bytes, crc32));
  });
});

describe('decodeFrameList', () => {
  test('reads what was encoded', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), (frames) => {
        expect(decodeFrameList(encodeFrameList(frames))).toEqual(frames);
      }),
    );
  });

  test('refuses what breaks a rule', () => {
    expect(codeOf(() => decodeFrameList(new Uint8Array(MAX_INFLATED_BYTES + 1)))).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    expect(codeOf(() => decodeFrameList(fromHex('0a05')))).toBe('ERR_KWIK_INVALID_PACKET');
    expect(codeOf(() => decodeFrameList(fromHex('0a00')))).toBe('ERR_KWIK_INVALID_FRAME');
    const many = Uint8Array.from(repeat(257, bytesField(1, bytesField(7, []))));
    expect(codeOf(() => decodeFrameList(many))).toBe('ERR_KWIK_INVALID_PACKET');
  });
});

function repeat(times: number, bytes: number[]): number[] {
  return Array.from({ length: times }, () => bytes).flat();
}

import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { decodePacket } from '../codec/packet-decoder.js';
import { encodePacket } from '../codec/packet-encoder.js';
import { type AckRange, PacketType } from '../gen/kwik/v1/data.js';
import { testFrame } from '../test-support/frame-suite.js';
import { codeOf } from '../test-support/outcomes.js';
import { withoutPrefix } from '../test-support/sealing.js';
import { ackFrame } from './ack-frame.js';

const MAX = (1n << 62n) - 1n;

testFrame('ack frame', {
  examples: [
    { what: 'one of packet 0', frame: acks([0n, 0n]), bytes: '1202 1a00' },
    {
      what: 'one of two ranges',
      frame: ackFrame({ pathId: 3, ackDelayUs: 1_000, ranges: ranges([9n, 12n], [0n, 7n]) }),
      bytes: '120f 0803 10e807 1a04 0809100c 1a02 1007',
    },
    {
      what: 'one of the largest numbers',
      frame: ackFrame({ pathId: 0xffff_ffff, ackDelayUs: 0xffff_ffff, ranges: ranges([MAX, MAX]) }),
      bytes: '1222 08ffffffff0f 10ffffffff0f 1a14 08ffffffffffffffff3f 10ffffffffffffffff3f',
    },
  ],
  broken: [
    { what: 'no range', frame: acks(), says: /names no packet/ },
    { what: '65 ranges', frame: acks(...falling(65)), says: /more than 64 ranges/ },
    { what: 'first above last', frame: acks([5n, 4n]), says: /5-4 is no range/ },
    { what: 'rising ranges', frame: acks([0n, 1n], [5n, 6n]), says: /falling order/ },
    { what: 'ranges that overlap', frame: acks([5n, 9n], [0n, 6n]), says: /falling order/ },
    { what: 'the same range twice', frame: acks([5n, 9n], [5n, 9n]), says: /falling order/ },
    { what: 'adjacent ranges', frame: acks([5n, 9n], [0n, 4n]), says: /falling order/ },
    { what: 'a packet number of 2^62', frame: acks([0n, MAX + 1n]), says: /packet number/ },
  ],
});

test('a negative packet number does not leave this side', () => {
  const packet = { packetNumber: 0n, type: PacketType.ACKNOWLEDGEMENT, frames: [acks([-1n, 3n])] };
  expect(codeOf(() => encodePacket(packet, crc32))).toBe('ERR_KWIK_INVALID_FRAME');
});

test('64 ranges with one packet between them are allowed', () => {
  const frame = acks(...falling(64));
  const packet = encodePacket({ packetNumber: 0n, type: PacketType.ACKNOWLEDGEMENT, frames: [frame] }, crc32);
  expect(decodePacket(withoutPrefix(packet), crc32).frames).toEqual([frame]);
});

function ranges(...pairs: [bigint, bigint][]): AckRange[] {
  return pairs.map(([first, last]) => ({ first, last }));
}

function acks(...pairs: [bigint, bigint][]): ReturnType<typeof ackFrame> {
  return ackFrame({ pathId: 0, ackDelayUs: 0, ranges: ranges(...pairs) });
}

function falling(count: number): [bigint, bigint][] {
  return Array.from({ length: count }, (_, index) => [BigInt(2 * (count - index)), BigInt(2 * (count - index))]);
}

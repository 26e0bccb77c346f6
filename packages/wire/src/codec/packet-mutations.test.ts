import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { ackFrame, maxStreamsFrame, pingFrame, streamFrame, windowUpdateFrame } from '../frames/index.js';
import type { ErrorCode } from '../errors/error-table.js';
import { CompressionAlgorithm, PacketType } from '../gen/kwik/v1/data.js';
import { outcomeOf, PEER_CODES } from '../test-support/outcomes.js';
import { mutate, TestRandom } from '../test-support/random.js';
import { seal, withoutPrefix } from '../test-support/sealing.js';
import { decodePacket } from './packet-decoder.js';
import { encodePacket } from './packet-encoder.js';
import type { PacketInput } from './packet-rules.js';
import { PacketReader } from './packet-reader.js';

const MUTATIONS = 10_000;
const data = Uint8Array.from({ length: 40 }, (_, index) => index);
const stream = streamFrame({ streamId: 4n, offset: 1_000n, data, priority: 3 });
const ack = ackFrame({
  pathId: 1,
  ackDelayUs: 25,
  ranges: [
    { first: 7n, last: 9n },
    { first: 0n, last: 3n },
  ],
});

const KINDS: readonly (readonly [string, PacketInput])[] = [
  ['data', { packetNumber: 300n, type: PacketType.DATA, frames: [stream, ack, stream] }],
  ['control', { packetNumber: 300n, type: PacketType.CONTROL, frames: [windowUpdateFrame({ maxOffset: 9n }), ack] }],
  ['acknowledgement', { packetNumber: 300n, type: PacketType.ACKNOWLEDGEMENT, frames: [ack] }],
  ['keep-alive', { packetNumber: 300n, type: PacketType.KEEP_ALIVE, frames: [pingFrame({ sequence: 1n })] }],
  ['priority', { packetNumber: 300n, type: PacketType.PRIORITY, frames: [stream] }],
  [
    'retransmission',
    {
      packetNumber: 300n,
      type: PacketType.RETRANSMISSION,
      frames: [stream, maxStreamsFrame({ unidirectional: true, maxStreams: 4n })],
    },
  ],
  [
    'compressed',
    {
      packetNumber: 300n,
      type: PacketType.DATA,
      frames: [],
      compression: { algorithm: CompressionAlgorithm.BROTLI, originalBytes: 90 },
      compressedFrames: data,
    },
  ],
];

describe.each(KINDS)('packet of type %s', (_, packet) => {
  const framed = encodePacket(packet, crc32);

  test('cut off anywhere, is refused or, if its checksum matches, a shorter packet', () => {
    const fields = withoutPrefix(framed).subarray(0, -5);
    for (let length = 0; length < fields.length; length++) {
      const outcome = outcomeOf(() => decodePacket(seal(fields.subarray(0, length)), crc32));
      if ('code' in outcome) expect(['ERR_KWIK_INVALID_PACKET', 'ERR_KWIK_INVALID_FRAME']).toContain(outcome.code);
      else expect(withoutPrefix(encodePacket(outcome.value, crc32))).toEqual(seal(fields.subarray(0, length)));
    }
  });

  test(`${MUTATIONS} mutations end in a typed error or a valid packet`, () => {
    const random = new TestRandom(packet.type);
    const codes = new Set<ErrorCode>();
    for (let round = 0; round < MUTATIONS; round++) {
      const outcome = outcomeOf(() => decodePacket(seal(mutate(withoutPrefix(framed).subarray(0, -5), random)), crc32));
      if ('code' in outcome) codes.add(outcome.code);
      else encodePacket(outcome.value, crc32);
    }
    expect(codes.size).toBeGreaterThan(0);
    expect(PEER_CODES).toEqual(expect.arrayContaining([...codes]));
  });

  test('mutations of a stream of packets end in a typed error, or in packets', () => {
    const random = new TestRandom(packet.type + 100);
    const many = Uint8Array.from([...framed, ...framed, ...framed]);
    const codes = new Set<ErrorCode>();
    for (let round = 0; round < MUTATIONS / 10; round++) {
      const reader = new PacketReader(crc32);
      reader.push(mutate(many, random));
      const outcome = outcomeOf(() => {
        while (reader.next() !== undefined);
      });
      if ('code' in outcome) codes.add(outcome.code);
    }
    expect(codes.size).toBeGreaterThan(0);
    expect(PEER_CODES).toEqual(expect.arrayContaining([...codes]));
  });
});
